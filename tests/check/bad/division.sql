select length(user_id) / length(user_hk) as x from vault.hub_user
