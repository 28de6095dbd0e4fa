select format_date('%e', first_load_date) as x from vault.hub_user
