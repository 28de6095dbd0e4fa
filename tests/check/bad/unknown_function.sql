select upperr(user_id) as x from vault.hub_user
