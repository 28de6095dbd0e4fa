select sum(user_id) as x from vault.hub_user
