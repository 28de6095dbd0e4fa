select cast(user_id as INT64) as x from vault.hub_user
