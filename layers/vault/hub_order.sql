/*
about    = "Every order that the backend has ever told of, once."
grain    = ["order_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "entities"
cluster_by = ["order_hk"]
owner    = "data-platform"

[columns]
order_hk        = { type = "STRING",    required = true, about = "udf.hash_key(order_id)" }
order_id        = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the order." }
record_source   = { type = "STRING",    required = true, about = "The source that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the order was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select order_id, committed_at as seen_at, 'db_orders' as record_source, load_date
  from standardized.db_orders_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  union all
  select order_id, committed_at, 'db_order_items', load_date
  from standardized.db_order_items_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  union all
  select order_id, committed_at, 'db_payments', load_date
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and order_id <> ''
),

with_first_load as (
  select
    order_id, seen_at, record_source,
    min(load_date) over (partition by order_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(order_id) as order_hk,
    order_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by order_id order by seen_at, record_source) = 1
)

select * from final
