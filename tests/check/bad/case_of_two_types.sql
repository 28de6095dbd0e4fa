select case when user_id is null then 0 else user_id end as x from vault.hub_user
