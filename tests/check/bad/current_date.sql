select user_hk from vault.hub_user where first_load_date = current_date()
