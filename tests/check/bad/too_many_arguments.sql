select upper(user_id, 2) as x from vault.hub_user
