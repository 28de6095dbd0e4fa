select user_key from vault.hub_user
