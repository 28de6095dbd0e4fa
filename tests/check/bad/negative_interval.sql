select date_add(first_load_date, interval -1 day) as x from vault.hub_user
