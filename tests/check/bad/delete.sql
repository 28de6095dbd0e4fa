delete from vault.hub_user where true
