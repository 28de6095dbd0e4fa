select user_hk
from vault.hub_user
where user_id = "x"
