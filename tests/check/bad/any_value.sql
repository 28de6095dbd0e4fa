select any_value(user_id) as x from vault.hub_user
