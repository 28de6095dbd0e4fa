select user_hk from vault.hub_user where user_hk like user_id
