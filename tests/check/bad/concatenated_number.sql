select user_id || 1 as x from vault.hub_user
