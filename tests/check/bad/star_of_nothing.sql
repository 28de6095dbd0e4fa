select b.* from vault.hub_user as a
