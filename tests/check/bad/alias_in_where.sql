select length(user_id) as n from vault.hub_user where n > 3
