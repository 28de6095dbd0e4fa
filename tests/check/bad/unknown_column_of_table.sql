select u.event_count from vault.hub_user as u
