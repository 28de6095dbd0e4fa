select user_hk, rand() as x from vault.hub_user
