select user_hk, first_load_date, first_seen_at from vault.hub_user where true qualify row_number() over (partition by first_load_date order by first_seen_at) = 1
