/*
about  = "A bad table."
grain  = ["activity_date"]
build  = "partition"
partition_by = "activity_date"
growth = "entities"
owner  = "tests"

[parameters]
lookback_days = "27"

[reads."dimensional.fact_event"]
days_before = "lookback_days"

[columns]
activity_date = { type = "DATE", required = true, about = "d" }
n = { type = "INT64", about = "n" }
*/
select event_date as activity_date, count(*) as n
from dimensional.fact_event
where event_date between date_sub(@from_date, interval 6 day) and @to_date
group by event_date
