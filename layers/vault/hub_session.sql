/*
about    = "Every visit to the app, once."
grain    = ["session_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "events"
cluster_by = ["session_hk"]
owner    = "data-platform"

[columns]
session_hk      = { type = "STRING",    required = true, about = "udf.hash_key(session_id)" }
session_id      = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the visit." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the visit was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    session_id, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and session_id <> ''
),

with_first_load as (
  select
    session_id, seen_at, record_source,
    min(load_date) over (partition by session_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(session_id) as session_hk,
    session_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by session_id order by seen_at, record_source) = 1
)

select * from final
