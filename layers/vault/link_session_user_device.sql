/*
about        = "Which user visited the app in which session, on which phone. A set within a load date: readers take distinct rows."
grain        = ["load_date", "session_user_device_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["session_hk"]
owner        = "data-platform"

[columns]
load_date              = { type = "DATE",   required = true, about = "UTC date of publication." }
session_user_device_hk = { type = "STRING", required = true, about = "udf.hash_key_3(session_id, user_id, nullif(device_id, ''))" }
session_hk             = { type = "STRING", required = true, about = "The visit." }
user_hk                = { type = "STRING", required = true, about = "Who." }
device_hk              = { type = "STRING", required = true, about = "The phone; the unknown member if the app did not say." }
record_source          = { type = "STRING", required = true, about = "The source." }
*/
with

final as (
  select distinct
    load_date,
    udf.hash_key_3(session_id, user_id, nullif(device_id, '')) as session_user_device_hk,
    udf.hash_key(session_id) as session_hk,
    udf.hash_key(user_id) as user_hk,
    udf.key_or_unknown(device_id) as device_hk,
    'mobile_events' as record_source
  from standardized.mobile_events
  where load_date between @from_date and @to_date
    and session_id <> ''
)

select * from final
