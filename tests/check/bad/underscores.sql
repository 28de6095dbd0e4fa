select 1_000 as x from vault.hub_user
