select regexp_contains(user_id, user_hk) as x from vault.hub_user
