select max(count(*)) as n from vault.hub_user
