/*
about  = "A bad table."
grain  = ["user_hk"]
build  = "full"
growth = "entities"
owner  = "tests"

[columns]
user_hk = { type = "STRING", references = "vault.hub_user.user_key", about = "u" }
*/
select user_hk from vault.hub_user
