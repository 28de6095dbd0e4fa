/*
about  = "A bad table."
grain  = ["activity_date"]
build  = "partition"
partition_by = "activity_date"
growth = "entities"
owner  = "tests"

[columns]
activity_date = { type = "DATE", required = true, about = "d" }
n = { type = "INT64", about = "n" }
*/
with

days as (
  select event_date as activity_date, count(*) as events
  from dimensional.fact_event
  where event_date between @from_date and @to_date
  group by event_date
)

select activity_date, sum(events) over (order by activity_date) as n
from days
