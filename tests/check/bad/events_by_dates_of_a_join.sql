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
select d.calendar_date as activity_date, count(*) as n
from dimensional.dim_date as d
join dimensional.fact_event as e on e.event_date = d.calendar_date
where d.calendar_date between @from_date and @to_date
group by d.calendar_date
