select user_hk from vault.hub_user where first_seen_at >= timestamp '2026-01-05 10:00:00+02'
