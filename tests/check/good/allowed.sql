-- lakebed:allow LB083: ten users to look at, whichever they are
select user_hk from vault.hub_user limit 10
