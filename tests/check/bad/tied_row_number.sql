select user_hk, row_number() over (order by first_seen_at) as n from vault.hub_user
