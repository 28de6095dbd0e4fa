select user_hk from vault.hub_user except all select user_hk from vault.sat_user_contact
