/*
about        = "Which order a payment is for. A set within a load date: readers take distinct rows."
grain        = ["load_date", "payment_order_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["payment_hk"]
owner        = "data-platform"

[columns]
load_date        = { type = "DATE",   required = true, about = "UTC date of publication." }
payment_order_hk = { type = "STRING", required = true, about = "udf.hash_key_2(payment_id, order_id)" }
payment_hk       = { type = "STRING", required = true, about = "The payment." }
order_hk         = { type = "STRING", required = true, about = "The order." }
record_source    = { type = "STRING", required = true, about = "The source." }
*/
with

final as (
  select distinct
    load_date,
    udf.hash_key_2(payment_id, order_id) as payment_order_hk,
    udf.hash_key(payment_id) as payment_hk,
    udf.hash_key(order_id) as order_hk,
    'db_payments' as record_source
  from standardized.db_payments
  where load_date between @from_date and @to_date
    and order_id <> ''
)

select * from final
