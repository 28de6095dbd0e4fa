select user_hk from vault.hub_user where length(user_id)
