select 'abc from vault.hub_user
