select 'it''s' as x from vault.hub_user
