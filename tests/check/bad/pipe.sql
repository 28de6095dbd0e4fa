from vault.hub_user |> select user_hk
