/*
about  = "A bad table."
grain  = ["load_date"]
build  = "partition"
partition_by = "load_date"
growth = "entities"
owner  = "tests"

[columns]
load_date = { type = "DATE", required = true, about = "d" }
*/
select distinct load_date, user_hk
from vault.sat_user_profile
where load_date between @from_date and @to_date
