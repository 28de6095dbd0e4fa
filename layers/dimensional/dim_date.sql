/*
about        = "The calendar: whole years around the dates that were loaded. A date is provisional as long as events of it may still come."
grain        = ["calendar_date"]
build        = "full"
partition_by = "calendar_date"
growth       = "fixed"
owner        = "analytics"

[parameters]
max_lateness_days = "raw.mobile_events.max_lateness_days"

[columns]
calendar_date = { type = "DATE",   required = true, about = "The date." }
year          = { type = "INT64",  required = true, about = "Its year." }
quarter       = { type = "INT64",  required = true, about = "1 to 4." }
month         = { type = "INT64",  required = true, about = "1 to 12." }
day_of_month  = { type = "INT64",  required = true, about = "1 to 31." }
iso_year      = { type = "INT64",  required = true, about = "The year that its ISO week belongs to." }
iso_week      = { type = "INT64",  required = true, about = "1 to 53." }
is_final      = { type = "BOOL",   required = true, about = "Whether no event of that date can be accepted any more." }
*/
with

digits as (
  select 0 as digit union all select 1 union all select 2 union all select 3 union all select 4
  union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
),

numbers as (
  select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit as number
  from digits as a
  cross join digits as b
  cross join digits as c
  cross join digits as d
),

dates as (
  select date_add(@calendar_from_date, interval (number) day) as calendar_date
  from numbers
),

final as (
  select
    calendar_date,
    extract(year from calendar_date) as year,
    extract(quarter from calendar_date) as quarter,
    extract(month from calendar_date) as month,
    extract(day from calendar_date) as day_of_month,
    extract(isoyear from calendar_date) as iso_year,
    udf.iso_week(calendar_date) as iso_week,
    calendar_date < date_sub(@loaded_to_date, interval @max_lateness_days day) as is_final
  from dates
  where calendar_date <= @calendar_to_date
)

select * from final
