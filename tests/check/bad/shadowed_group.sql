select lower(user_id) as user_id, count(*) as n from vault.hub_user group by user_id
