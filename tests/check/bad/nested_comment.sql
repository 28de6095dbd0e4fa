select user_hk /* a /* b */ c */
from vault.hub_user
