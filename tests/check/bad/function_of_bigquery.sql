select date_trunc(first_load_date, month) as x from vault.hub_user
