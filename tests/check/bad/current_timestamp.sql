select user_hk, current_timestamp() as x from vault.hub_user
