/*
about    = "Every functionality that the app has ever named, once."
grain    = ["functionality_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"]
least    = ["first_load_date"]
growth   = "fixed"
owner    = "data-platform"

[columns]
functionality_hk = { type = "STRING",    required = true, about = "udf.hash_key(functionality)" }
functionality    = { type = "STRING",    required = true, about = "Business key, as the app sends it; `unknown` if it did not say." }
first_seen_at    = { type = "TIMESTAMP", required = true, about = "Earliest time of an event in it." }
record_source    = { type = "STRING",    required = true, about = "The source that told of it." }
first_load_date  = { type = "DATE",      required = true, about = "Earliest load date on which it was told of." }
*/
with

final as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    udf.hash_key(functionality) as functionality_hk,
    functionality,
    min(event_at) as first_seen_at,
    'mobile_events/' || functionality as record_source,
    min(load_date) as first_load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  group by functionality
)

select * from final
