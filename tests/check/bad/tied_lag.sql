select user_hk, lag(plan) over (partition by user_hk order by effective_at) as before from vault.sat_user_profile
