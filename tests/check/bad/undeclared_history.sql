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
select d.activity_date, count(*) as n
from dimensional.fact_user_day as d
join dimensional.dim_user as u on u.user_hk = d.user_hk
where d.activity_date between @from_date and @to_date
group by d.activity_date
