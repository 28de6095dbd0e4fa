select a.user_hk from vault.hub_user as a join vault.hub_functionality as b using (user_hk)
