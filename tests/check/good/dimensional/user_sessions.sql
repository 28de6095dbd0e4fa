/*
about        = "Sessions of users by the day on which they began."
grain        = ["activity_date", "user_hk", "session_number"]
build        = "partition"
partition_by = "activity_date"
growth       = "events"
owner        = "tests"

[parameters]
lookback_days = "2"

[reads."dimensional.fact_event"]
days_before = "lookback_days"
days_after = "1"

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date   = { type = "DATE",      required = true, about = "UTC date." }
user_hk         = { type = "STRING",    required = true, about = "Who.", references = "vault.hub_user.user_hk" }
session_number  = { type = "INT64",     required = true, about = "From 1." }
began_at        = { type = "TIMESTAMP", required = true, about = "First event." }
ended_at        = { type = "TIMESTAMP", about = "First event of the next one." }
event_count     = { type = "INT64",     required = true, about = "Events." }
is_final        = { type = "BOOL",      required = true, about = "Whether it can change no more." }

[[checks]]
name   = "a session has events"
expect = "event_count > 0 and (ended_at is null or ended_at > began_at)"
*/
with

events as (
  select event_date, user_hk, event_hk, load_date, event_at
  from dimensional.fact_event
  where event_date between date_sub(@from_date, interval @lookback_days day)
    and date_add(@to_date, interval 1 day)
),

-- An event may be there once more on another load date.
distinct_events as (
  select event_date, user_hk, event_hk, event_at
  from events
  where true
  qualify row_number() over (partition by event_hk order by load_date) = 1
),

marked as (
  select
    event_date, user_hk, event_hk, event_at,
    lag(event_at) over (partition by user_hk order by event_at, event_hk) as earlier_at
  from distinct_events
),

numbered as (
  select
    event_date, user_hk, event_at,
    countif(earlier_at is null or udf.minute_start(earlier_at) < timestamp_sub(event_at, interval 30 minute))
      over (
        partition by user_hk order by event_at, event_hk
        rows between unbounded preceding and current row
      ) as session_number
  from marked
),

per_session as (
  select user_hk, session_number, min(event_at) as began_at, count(*) as event_count
  from numbered
  group by user_hk, session_number
),

final as (
  select
    date(s.began_at) as activity_date,
    s.user_hk,
    s.session_number,
    s.began_at,
    lead(s.began_at) over (partition by s.user_hk order by s.session_number) as ended_at,
    s.event_count,
    d.is_final
  from per_session as s
  join dimensional.dim_date as d on d.calendar_date = date(s.began_at)
  where date(s.began_at) between @from_date and @to_date
)

select * from final
