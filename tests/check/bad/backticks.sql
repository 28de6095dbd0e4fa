select user_hk from `vault.hub_user`
