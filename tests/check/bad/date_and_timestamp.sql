select user_hk from vault.hub_user where first_load_date < first_seen_at
