select 2 ^ 3 as x from vault.hub_user
