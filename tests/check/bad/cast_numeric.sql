select cast(1 as NUMERIC) as x from vault.hub_user
