select user_hk from vault.hub_user tablesample system (10 percent)
