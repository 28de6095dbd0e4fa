select strftime(first_load_date, '%Y') as x from vault.hub_user
