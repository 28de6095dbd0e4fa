/*
about        = "Which product a line of an order is about. A set within a load date: readers take distinct rows."
grain        = ["load_date", "order_product_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_hk"]
owner        = "data-platform"

[columns]
load_date        = { type = "DATE",   required = true, about = "UTC date of publication." }
order_product_hk = { type = "STRING", required = true, about = "udf.hash_key_3(order_id, cast(line_number as STRING), product_id)" }
order_hk         = { type = "STRING", required = true, about = "The order." }
product_hk       = { type = "STRING", required = true, about = "The product." }
line_number      = { type = "INT64",  required = true, about = "The line in its order." }
record_source    = { type = "STRING", required = true, about = "The source." }
*/
with

final as (
  select distinct
    load_date,
    udf.hash_key_3(order_id, cast(line_number as STRING), product_id) as order_product_hk,
    udf.hash_key(order_id) as order_hk,
    udf.hash_key(product_id) as product_hk,
    line_number,
    'db_order_items' as record_source
  from standardized.db_order_items
  where load_date between @from_date and @to_date
    and product_id <> ''
)

select * from final
