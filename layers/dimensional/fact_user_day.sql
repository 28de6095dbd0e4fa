/*
about        = "What a user did in the app on a day: one row for each user who was active."
grain        = ["activity_date", "user_hk"]
build        = "partition"
partition_by = "activity_date"
growth       = "events"
cluster_by   = ["user_hk"]
owner        = "analytics"

[columns]
activity_date  = { type = "DATE",      required = true, about = "UTC date." }
user_hk        = { type = "STRING",    required = true, about = "Who." }
event_count    = { type = "INT64",     required = true, about = "Events of that user on that day." }
session_count  = { type = "INT64",     required = true, about = "Sessions that had an event on that day." }
first_event_at = { type = "TIMESTAMP", required = true, about = "Time of the first of them." }
last_event_at  = { type = "TIMESTAMP", required = true, about = "Time of the last of them." }
*/
with

final as (
  select
    event_date as activity_date,
    user_hk,
    count(*) as event_count,
    count(distinct nullif(session_hk, udf.unknown_key())) as session_count,
    min(event_at) as first_event_at,
    max(event_at) as last_event_at
  from dimensional.fact_event
  where event_date between @from_date and @to_date
  group by event_date, user_hk
)

select * from final
