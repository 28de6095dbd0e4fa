select string_agg(user_id, ',') as x from vault.hub_user
