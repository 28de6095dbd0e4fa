/*
about        = "How many users were active, by day: on the day, in the 28 days that end with it, new and returning."
grain        = ["activity_date"]
build        = "partition"
partition_by = "activity_date"
growth       = "fixed"
owner        = "growth"

[reads."dimensional.fact_user_day"]
days_before = "27"

[reads."dimensional.dim_user"]
as_of = true

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date        = { type = "DATE",  required = true, about = "UTC date." }
active_users         = { type = "INT64", required = true, about = "Users with an event on that day." }
active_users_28_days = { type = "INT64", required = true, about = "Users with an event in the 28 days that end with it." }
new_users            = { type = "INT64", required = true, about = "Active users who signed up on that day." }
returning_users      = { type = "INT64", required = true, about = "Active users who signed up before it." }
unknown_users        = { type = "INT64", required = true, about = "Active users of whom the backend had not said when they signed up." }
event_count          = { type = "INT64", required = true, about = "Events on that day." }
is_final             = { type = "BOOL",  required = true, about = "Whether no late event can change the row any more." }

[[checks]]
name   = "every active user is new, returning or unknown"
expect = "active_users = new_users + returning_users + unknown_users"
*/
with

dates as (
  select calendar_date as activity_date, is_final
  from dimensional.dim_date
  where calendar_date between @from_date and @to_date
),

user_days as (
  select activity_date, user_hk, event_count
  from dimensional.fact_user_day
  where activity_date between date_sub(@from_date, interval 27 day) and @to_date
),

-- The profile as it was at the end of the day.
user_days_with_profile as (
  select d.activity_date, d.event_count, date(u.signed_up_at) as signed_up_date
  from user_days as d
  left join dimensional.dim_user as u
    on u.user_hk = d.user_hk
    and u.valid_from < cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
    and u.valid_to >= cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
  where d.activity_date between @from_date and @to_date
),

per_day as (
  select
    activity_date,
    count(*) as active_users,
    countif(signed_up_date = activity_date) as new_users,
    countif(signed_up_date < activity_date) as returning_users,
    countif(signed_up_date is null or signed_up_date > activity_date) as unknown_users,
    sum(event_count) as event_count
  from user_days_with_profile
  group by activity_date
),

per_28_days as (
  select d.activity_date, count(distinct u.user_hk) as active_users_28_days
  from dates as d
  join user_days as u
    on u.activity_date between date_sub(d.activity_date, interval 27 day) and d.activity_date
  group by d.activity_date
),

final as (
  select
    m.activity_date,
    ifnull(p.active_users, 0) as active_users,
    m.active_users_28_days,
    ifnull(p.new_users, 0) as new_users,
    ifnull(p.returning_users, 0) as returning_users,
    ifnull(p.unknown_users, 0) as unknown_users,
    ifnull(p.event_count, 0) as event_count,
    d.is_final
  from per_28_days as m
  join dates as d on d.activity_date = m.activity_date
  left join per_day as p on p.activity_date = m.activity_date
)

select * from final
