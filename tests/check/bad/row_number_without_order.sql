select user_hk, row_number() over (partition by user_id) as n from vault.hub_user
