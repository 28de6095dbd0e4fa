/*
about        = "Whose order it is. A set within a load date: readers take distinct rows."
grain        = ["load_date", "order_user_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_hk"]
owner        = "data-platform"

[columns]
load_date     = { type = "DATE",   required = true, about = "UTC date of publication." }
order_user_hk = { type = "STRING", required = true, about = "udf.hash_key_2(order_id, user_id)" }
order_hk      = { type = "STRING", required = true, about = "The order." }
user_hk       = { type = "STRING", required = true, about = "Who ordered." }
record_source = { type = "STRING", required = true, about = "The source." }
*/
with

final as (
  select distinct
    load_date,
    udf.hash_key_2(order_id, user_id) as order_user_hk,
    udf.hash_key(order_id) as order_hk,
    udf.hash_key(user_id) as user_hk,
    'db_orders' as record_source
  from standardized.db_orders
  where load_date between @from_date and @to_date
    and user_id <> ''
)

select * from final
