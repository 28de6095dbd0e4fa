select user_hk, first_value(plan) over (partition by user_hk order by load_date) as x from vault.sat_user_profile
