select date '2026-01-05' - first_load_date as x from vault.hub_user
