select a.user_hk
from vault.hub_user as a
join vault.sat_user_profile as b on b.user_key = a.user_hk
