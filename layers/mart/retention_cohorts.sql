/*
about        = "Who comes back: of the users who signed up on a day, how many were active on each of the 28 days after it."
grain        = ["activity_date", "cohort_date"]
build        = "partition"
partition_by = "activity_date"
growth       = "fixed"
owner        = "growth"

[reads."dimensional.dim_user"]
as_of = true

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date      = { type = "DATE",  required = true, about = "UTC date on which they were active." }
cohort_date        = { type = "DATE",  required = true, about = "UTC date on which they signed up." }
days_since_sign_up = { type = "INT64", required = true, about = "From the one to the other, 0 to 28." }
active_users       = { type = "INT64", required = true, about = "Users of the cohort with an event on the day." }
is_final           = { type = "BOOL",  required = true, about = "Whether no late event can change the row any more." }
*/
with

user_days as (
  select activity_date, user_hk
  from dimensional.fact_user_day
  where activity_date between @from_date and @to_date
),

-- The profile as it was at the end of the day.
with_cohort as (
  select d.activity_date, date(u.signed_up_at) as cohort_date
  from user_days as d
  join dimensional.dim_user as u
    on u.user_hk = d.user_hk
    and u.valid_from < cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
    and u.valid_to >= cast(date_add(d.activity_date, interval 1 day) as TIMESTAMP)
  where date(u.signed_up_at) between date_sub(d.activity_date, interval 28 day) and d.activity_date
),

final as (
  select
    w.activity_date,
    w.cohort_date,
    udf.days_between(w.cohort_date, w.activity_date) as days_since_sign_up,
    count(*) as active_users,
    d.is_final
  from with_cohort as w
  join dimensional.dim_date as d on d.calendar_date = w.activity_date
  group by w.activity_date, w.cohort_date, d.is_final
)

select * from final
