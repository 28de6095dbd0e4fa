/*
about  = "A bad table."
grain  = ["load_date"]
build  = "partition"
partition_by = "load_date"
growth = "entities"
owner  = "tests"

[columns]
load_date = { type = "DATE", required = true, about = "d" }
earlier_date = { type = "DATE", required = true, about = "d" }
*/
with

days as (
  select distinct load_date
  from vault.sat_user_profile
  where load_date between @from_date and @to_date
)

select load_date, lag(load_date) over (order by load_date) as earlier_date
from days
