select user_hk from vault.hub_user
union
select user_hk from vault.sat_user_contact
