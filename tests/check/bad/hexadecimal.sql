select 0xFF as x from vault.hub_user
