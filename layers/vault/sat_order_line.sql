/*
about        = "What the backend said of a line of an order and when; from a delete on, the line has no effect. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "order_hk", "line_number", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_hk"]
owner        = "data-platform"

[columns]
load_date         = { type = "DATE",      required = true, about = "UTC date of publication." }
order_hk          = { type = "STRING",    required = true, about = "Which order." }
line_number       = { type = "INT64",     required = true, about = "Which line." }
effective_at      = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence          = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff          = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted        = { type = "BOOL",      required = true, about = "Whether the row was deleted by the change." }
product_hk        = { type = "STRING",    about = "The product; the unknown member if the backend did not say." }
quantity          = { type = "INT64",     about = "How many of it." }
unit_price_micros = { type = "INT64",     about = "Price of one, in the order's currency." }
record_source     = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, order_id, line_number, committed_at, lsn, product_id, quantity, unit_price_micros,
    operation = 'delete' as is_deleted
  from standardized.db_order_items
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(order_id) as order_hk,
    line_number,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_3(
      product_id, cast(quantity as STRING), cast(unit_price_micros as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, udf.key_or_unknown(product_id)) as product_hk,
    if(is_deleted, null, quantity) as quantity,
    if(is_deleted, null, unit_price_micros) as unit_price_micros,
    'db_order_items' as record_source
  from changes
)

select * from final
