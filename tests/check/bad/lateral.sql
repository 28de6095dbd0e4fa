select u.x from vault.hub_user as a, lateral (select a.user_id as x) as u
