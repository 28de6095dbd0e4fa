select split(user_id, ',')[0] as x from vault.hub_user
