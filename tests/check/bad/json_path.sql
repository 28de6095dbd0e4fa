select json_value(user_id, 'a') as x from vault.hub_user
