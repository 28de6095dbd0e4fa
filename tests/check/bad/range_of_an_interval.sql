select sum(1) over (order by first_load_date range between interval 6 day preceding and current row) as n from vault.hub_user
