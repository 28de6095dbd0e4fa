select cast(first_seen_at as STRING) as x from vault.hub_user
