select count(*) filter (where user_id = 'x') as n from vault.hub_user
