select user_hk # why
from vault.hub_user
