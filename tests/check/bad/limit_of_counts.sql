select record_source, count(*) as n from vault.hub_user group by record_source order by n desc limit 3
