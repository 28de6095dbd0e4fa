select first_load_date as d, date_add(d, interval 1 day) as e from vault.hub_user
