select 1 << 3 as x from vault.hub_user
