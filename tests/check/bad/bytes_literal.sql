select b'x' as x from vault.hub_user
