/*
about        = "Valid change messages of the table `orders` that an earlier message of the same load date brought already, with that message."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_id"]
owner        = "data-platform"

[columns]
load_date          = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id         = { type = "STRING",    required = true, about = "The message that was dropped." }
order_id           = { type = "STRING",    required = true, about = "Which order changed." }
lsn                = { type = "INT64",     required = true, about = "The change that it brought again." }
earlier_message_id = { type = "STRING",    required = true, about = "The message that brought the change before." }
*/
with

with_earlier as (
  select
    load_date, message_id, order_id, lsn,
    lag(message_id) over (
      partition by
        load_date, order_id, lsn, operation, transaction_id, committed_at, user_id, status,
        placed_at, country_code, currency_code, shipping_micros, discount_micros
      order by published_at, message_id
    ) as earlier_message_id
  from standardized.db_orders_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
),

final as (
  select load_date, message_id, order_id, lsn, earlier_message_id
  from with_earlier
  where earlier_message_id is not null
)

select * from final
