select user_hk from vault.hub_user where (user_id, user_hk) = ('a', 'b')
