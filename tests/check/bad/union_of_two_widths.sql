select user_hk, user_id from vault.hub_user union all select user_hk from vault.sat_user_contact
