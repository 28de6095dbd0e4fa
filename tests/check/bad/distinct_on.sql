select distinct on (user_id) user_hk from vault.hub_user
