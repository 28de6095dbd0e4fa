/*
about    = "Phones, as they last described themselves; one member stands for unknown."
grain    = ["device_hk"]
build    = "merge"
order_by = ["last_stated_at desc", "hashdiff"] # the latest description wins
least    = ["first_stated_at"]
growth   = "entities"
cluster_by = ["device_hk"]
owner    = "analytics"

[columns]
device_hk       = { type = "STRING",    required = true, about = "Hash key of the phone." }
device_id       = { type = "STRING",    required = true, about = "Business key, or `unknown`." }
os              = { type = "STRING",    required = true, about = "`android` or `ios`, or `unknown`." }
app_version     = { type = "STRING",    required = true, about = "Version of the app that it last used, or `unknown`." }
country_code    = { type = "STRING",    required = true, about = "Where it last was, or `unknown`." }
first_stated_at = { type = "TIMESTAMP", required = true, about = "Time of its earliest event." }
last_stated_at  = { type = "TIMESTAMP", required = true, about = "Time of its last event that described it so." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the description: decides between two of one instant." }
*/
with

stated as (
  select
    h.device_hk, h.device_id, s.os, s.app_version, s.country_code, s.first_stated_at,
    s.last_stated_at, s.hashdiff
  from vault.sat_device as s
  join vault.hub_device as h on h.device_hk = s.device_hk
  where s.load_date between @from_date and @to_date
),

with_first as (
  select
    device_hk, device_id, os, app_version, country_code, last_stated_at, hashdiff,
    min(first_stated_at) over (partition by device_hk) as first_stated_at
  from stated
),

latest as (
  select
    device_hk, device_id, os, app_version, country_code, first_stated_at, last_stated_at, hashdiff
  from with_first
  where true
  qualify row_number() over (
    partition by device_hk order by last_stated_at desc, hashdiff
  ) = 1
),

final as (
  select
    device_hk,
    device_id,
    ifnull(os, 'unknown') as os,
    ifnull(app_version, 'unknown') as app_version,
    ifnull(country_code, 'unknown') as country_code,
    first_stated_at,
    last_stated_at,
    hashdiff
  from latest
  union all
  select
    udf.unknown_key(), 'unknown', 'unknown', 'unknown', 'unknown',
    timestamp '0001-01-01 00:00:00+00', timestamp '0001-01-01 00:00:00+00', 'unknown'
)

select * from final
