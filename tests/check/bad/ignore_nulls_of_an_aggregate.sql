select array_agg(user_id ignore nulls order by user_id) as x from vault.hub_user
