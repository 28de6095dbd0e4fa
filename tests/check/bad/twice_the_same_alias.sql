select a.user_hk from vault.hub_user as a cross join vault.hub_functionality as a
