select a.user_hk from vault.hub_user as a natural join vault.sat_user_contact as b
