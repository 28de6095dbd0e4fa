/*
about        = "How many users were active, by day and by the plan that they had at the end of it."
grain        = ["activity_date", "plan"]
build        = "partition"
partition_by = "activity_date"
growth       = "fixed"
owner        = "growth"

[reads."dimensional.dim_user"]
as_of = true

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date = { type = "DATE",   required = true, about = "UTC date." }
plan          = { type = "STRING", required = true, about = "The plan at the end of the day; `unknown` if the backend had not said or the user was deleted." }
active_users  = { type = "INT64",  required = true, about = "Users with an event on that day." }
event_count   = { type = "INT64",  required = true, about = "Their events on that day." }
is_final      = { type = "BOOL",   required = true, about = "Whether no late event can change the row any more." }
*/
with

user_days as (
  select activity_date, user_hk, event_count
  from dimensional.fact_user_day
  where activity_date between @from_date and @to_date
),

with_plan as (
  select d.activity_date, d.event_count, ifnull(u.plan, 'unknown') as plan
  from user_days as d
  left join dimensional.dim_user as u
    on u.user_hk = d.user_hk
    and u.valid_from < cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
    and u.valid_to >= cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
),

final as (
  select
    w.activity_date,
    w.plan,
    count(*) as active_users,
    sum(w.event_count) as event_count,
    d.is_final
  from with_plan as w
  join dimensional.dim_date as d on d.calendar_date = w.activity_date
  group by w.activity_date, w.plan, d.is_final
)

select * from final
