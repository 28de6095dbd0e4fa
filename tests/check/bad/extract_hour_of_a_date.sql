select extract(hour from first_load_date) as x from vault.hub_user
