/*
about    = "Every product that any source has ever told of, once."
grain    = ["product_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "entities"
cluster_by = ["product_hk"]
owner    = "data-platform"

[columns]
product_hk      = { type = "STRING",    required = true, about = "udf.hash_key(product_id)" }
product_id      = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the product." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the product was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select
    product_id, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and product_id <> ''
  union all
  select product_id, committed_at, 'db_products', load_date
  from standardized.db_products_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  union all
  select product_id, committed_at, 'db_order_items', load_date
  from standardized.db_order_items_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and product_id <> ''
),

with_first_load as (
  select
    product_id, seen_at, record_source,
    min(load_date) over (partition by product_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(product_id) as product_hk,
    product_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by product_id order by seen_at, record_source) = 1
)

select * from final
