select * except (user_id) from vault.hub_user
