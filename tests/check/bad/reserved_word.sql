select user_id as rows from vault.hub_user
