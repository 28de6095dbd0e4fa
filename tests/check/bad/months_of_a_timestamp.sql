select timestamp_add(first_seen_at, interval 1 month) as x from vault.hub_user
