/*
about        = "Events by day, against those of all days before."
grain        = ["event_date"]
build        = "partition"
partition_by = "event_date"
growth       = "fixed"
max_scan     = "50 GB"
owner        = "me"

[reads."dimensional.fact_event"]
days_before = "0"

[reads."dimensional.dim_user"]
as_of = true

[columns]
event_date  = { type = "DATE",  about = "UTC date." }
user_count  = { type = "INT64", about = "Users." }
*/
with

events as (
  select event_date, user_hk
  from dimensional.fact_event
  where event_date between @from_date and @to_date
),

final as (
  select e.event_date, count(distinct u.user_hk) as user_count
  from events as e
  join dimensional.dim_user as u on u.user_hk = e.user_hk
  where u.valid_from < cast(@to_date as TIMESTAMP)
  group by e.event_date
)

select * from final
