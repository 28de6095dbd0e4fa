/*
about        = "How a phone described itself: each event says it again, so a load date has one row for each description, with the first and the last time."
grain        = ["load_date", "device_hk", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["device_hk"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
device_hk       = { type = "STRING",    required = true, about = "Which phone." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the description." }
os              = { type = "STRING",    about = "`android` or `ios`." }
app_version     = { type = "STRING",    about = "Version of the app." }
country_code    = { type = "STRING",    about = "Where it was." }
first_stated_at = { type = "TIMESTAMP", required = true, about = "Time of the earliest event with it." }
last_stated_at  = { type = "TIMESTAMP", required = true, about = "Time of the latest event with it." }
record_source   = { type = "STRING",    required = true, about = "The source." }
*/
with

final as (
  -- Valid messages, not accepted rows: these only ever grow, and dim_device merges them.
  select
    load_date,
    udf.hash_key(device_id) as device_hk,
    udf.hash_key_3(os, app_version, country_code) as hashdiff,
    os,
    app_version,
    country_code,
    min(event_at) as first_stated_at,
    max(event_at) as last_stated_at,
    'mobile_events' as record_source
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and device_id <> ''
  group by load_date, device_id, os, app_version, country_code
)

select * from final
