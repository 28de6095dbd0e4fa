select user_id || '\n' as x from vault.hub_user
