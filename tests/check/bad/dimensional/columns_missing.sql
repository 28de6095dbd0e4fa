/*
about  = "A bad table."
grain  = ["load_date"]
build  = "partition"
partition_by = "load_date"
growth = "entities"
owner  = "tests"

[columns]
load_date = { type = "DATE", required = true, about = "d" }
n = { type = "INT64", about = "n" }
*/
select load_date
from vault.sat_user_profile
where load_date between @from_date and @to_date
