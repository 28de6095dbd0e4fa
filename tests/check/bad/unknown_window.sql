select count(*) over w as n from vault.hub_user
