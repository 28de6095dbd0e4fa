with users as (select user_hk from vault.hub_user)
select user_hk from usrs
