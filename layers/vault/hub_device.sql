/*
about    = "Every phone that has ever sent an event, once."
grain    = ["device_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "entities"
cluster_by = ["device_hk"]
owner    = "data-platform"

[columns]
device_hk       = { type = "STRING",    required = true, about = "udf.hash_key(device_id)" }
device_id       = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the phone." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the phone was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    device_id, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and device_id <> ''
),

with_first_load as (
  select
    device_id, seen_at, record_source,
    min(load_date) over (partition by device_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(device_id) as device_hk,
    device_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by device_id order by seen_at, record_source) = 1
)

select * from final
