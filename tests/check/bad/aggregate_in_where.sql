select user_hk from vault.hub_user where count(*) > 1
