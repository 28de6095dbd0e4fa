select cast(sqrt(2e0) as INT64) as x from vault.hub_user
