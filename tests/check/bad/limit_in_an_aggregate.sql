select array_agg(user_id order by user_id limit 3) as x from vault.hub_user
