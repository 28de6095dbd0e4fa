select user_hk, first_seen_at from vault.hub_user order by first_seen_at limit 10
