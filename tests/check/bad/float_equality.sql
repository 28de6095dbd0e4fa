select user_hk from vault.hub_user where sqrt(length(user_id)) = 2e0
