select user_hk
from vault.hub_user
qualify row_number() over (partition by user_id order by user_hk) = 1
