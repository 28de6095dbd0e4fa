select r'x' as x from vault.hub_user
