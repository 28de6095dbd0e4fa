select user_hk from vault.hub_user as a cross join vault.sat_user_contact as b
