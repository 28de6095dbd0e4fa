/*
about  = "A bad table."
grain  = ["user_hk"]
build  = "full"
growth = "entities"
owner  = "tests"

[columns]
user_hk = { type = "STRING", required = true, about = "u" }
plan = { type = "STRING", required = true, about = "p" }
*/
select distinct h.user_hk, p.plan
from vault.hub_user as h
left join vault.sat_user_profile as p on p.user_hk = h.user_hk
