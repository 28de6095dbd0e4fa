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
select event_date as activity_date, count(*) as n
from dimensional.fact_event
where event_date between @from_date and @to_date
group by event_date
order by activity_date
limit 5
