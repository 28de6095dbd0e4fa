/*
about    = "Every version of the app that has ever sent an event, once."
grain    = ["app_version_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "fixed"
cluster_by = ["app_version_hk"]
owner    = "data-platform"

[columns]
app_version_hk  = { type = "STRING",    required = true, about = "udf.hash_key(app_version)" }
app_version     = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the version." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the version was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    app_version, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and app_version <> ''
),

with_first_load as (
  select
    app_version, seen_at, record_source,
    min(load_date) over (partition by app_version) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(app_version) as app_version_hk,
    app_version,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by app_version order by seen_at, record_source) = 1
)

select * from final
