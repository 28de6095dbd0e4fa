select regexp_extract(user_id, '(a)(b)') as x from vault.hub_user
