select user_id::INT64 as x from vault.hub_user
