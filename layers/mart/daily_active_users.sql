/*
about        = "How many users were active, by day: on the day, in the week and the month that end with it, new, returning and churned."
grain        = ["activity_date"]
build        = "partition"
partition_by = "activity_date"
growth       = "fixed"
owner        = "growth"

[reads."dimensional.fact_user_day"]
days_before = "28"

[reads."dimensional.dim_user"]
as_of = true

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date        = { type = "DATE",  required = true, about = "UTC date." }
active_users         = { type = "INT64", required = true, about = "Users with an event on that day." }
active_users_7_days  = { type = "INT64", required = true, about = "Weekly active: users with an event in the 7 days that end with it." }
active_users_28_days = { type = "INT64", required = true, about = "Monthly active: users with an event in the 28 days that end with it." }
new_users            = { type = "INT64", required = true, about = "Active users who signed up on that day." }
returning_users      = { type = "INT64", required = true, about = "Active users who signed up before it." }
unknown_users        = { type = "INT64", required = true, about = "Active users of whom the backend had not said when they signed up." }
churned_users        = { type = "INT64", required = true, about = "Users whose last event was 28 days before: the first day on which they are not monthly active." }
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
  where activity_date between date_sub(@from_date, interval 28 day) and @to_date
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

-- For each day, who was active within the 28 days before it or on it, and when last.
last_days as (
  select d.activity_date, d.is_final, u.user_hk, max(u.activity_date) as last_activity_date
  from dates as d
  join user_days as u
    on u.activity_date between date_sub(d.activity_date, interval 28 day) and d.activity_date
  group by d.activity_date, d.is_final, u.user_hk
),

per_month as (
  select
    activity_date,
    is_final,
    countif(last_activity_date > date_sub(activity_date, interval 7 day)) as active_users_7_days,
    countif(last_activity_date > date_sub(activity_date, interval 28 day)) as active_users_28_days,
    countif(last_activity_date = date_sub(activity_date, interval 28 day)) as churned_users
  from last_days
  group by activity_date, is_final
),

final as (
  select
    m.activity_date,
    ifnull(p.active_users, 0) as active_users,
    m.active_users_7_days,
    m.active_users_28_days,
    ifnull(p.new_users, 0) as new_users,
    ifnull(p.returning_users, 0) as returning_users,
    ifnull(p.unknown_users, 0) as unknown_users,
    m.churned_users,
    ifnull(p.event_count, 0) as event_count,
    m.is_final
  from per_month as m
  left join per_day as p on p.activity_date = m.activity_date
)

select * from final
