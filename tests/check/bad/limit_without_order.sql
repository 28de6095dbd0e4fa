select user_hk from vault.hub_user limit 10
