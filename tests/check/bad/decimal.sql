select 1.5 as x, 2.5e0 as y from vault.hub_user
