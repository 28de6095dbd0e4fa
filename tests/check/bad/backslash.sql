select regexp_contains(user_id, '\\d+') as x from vault.hub_user
