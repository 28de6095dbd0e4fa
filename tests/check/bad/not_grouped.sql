select user_hk, user_id, count(*) as n from vault.hub_user group by user_hk
