select a.user_hk, row_number() over (partition by a.user_hk order by a.first_seen_at) as n, b.plan
from vault.hub_user as a
join vault.sat_user_profile as b on b.user_hk = a.user_hk
