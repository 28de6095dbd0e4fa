/*
about    = "Every country that any source has ever named, once."
grain    = ["country_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "fixed"
cluster_by = ["country_hk"]
owner    = "data-platform"

[columns]
country_hk      = { type = "STRING",    required = true, about = "udf.hash_key(country_code)" }
country_code    = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the country." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the country was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    country_code, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and country_code <> ''
  union all
  select country_code, committed_at, 'db_users', load_date
  from standardized.db_users_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and country_code <> ''
  union all
  select country_code, committed_at, 'db_orders', load_date
  from standardized.db_orders_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and country_code <> ''
  union all
  select country_code, committed_at, 'db_payments', load_date
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and country_code <> ''
),

with_first_load as (
  select
    country_code, seen_at, record_source,
    min(load_date) over (partition by country_code) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(country_code) as country_hk,
    country_code,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by country_code order by seen_at, record_source) = 1
)

select * from final
