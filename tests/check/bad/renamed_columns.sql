with a (x) as (select user_hk from vault.hub_user) select x from a
