/*
about        = "Every change message of the table `orders` once, parsed and typed, with the reason if it is rejected."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_id"]
owner        = "data-platform"

[parameters]
max_skew_days = "raw.db_orders.max_skew_days"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "Given by the bus, kept by redelivery." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
operation       = { type = "STRING",    about = "`snapshot`, `insert`, `update` or `delete`." }
lsn             = { type = "INT64",     about = "Log sequence number." }
transaction_id  = { type = "STRING",    about = "The transaction that made the change." }
committed_at    = { type = "TIMESTAMP", about = "When it was committed." }
order_id        = { type = "STRING",    about = "Which order changed." }
user_id         = { type = "STRING",    about = "After the change." }
status          = { type = "STRING",    about = "After the change." }
placed_at       = { type = "TIMESTAMP", about = "After the change." }
country_code    = { type = "STRING",    about = "After the change." }
currency_code   = { type = "STRING",    about = "After the change." }
shipping_micros = { type = "INT64",     about = "After the change." }
discount_micros = { type = "INT64",     about = "After the change." }
reject_reason   = { type = "STRING",    about = "Why it is rejected; NULL if it is valid.", accepted = ["not_utf8", "not_json", "missing_key", "wrong_type", "unknown_operation", "in_future"] }
*/
with

messages as (
  -- The bus delivers at least once: raw may hold copies of a message.
  select distinct load_date, message_id, published_at, payload
  from raw.db_orders
  where load_date between @from_date and @to_date
),

parsed as (
  select load_date, message_id, published_at, udf.parse_db_orders(payload) as change
  from messages
),

final as (
  select
    load_date,
    message_id,
    published_at,
    change.op as operation,
    change.lsn as lsn,
    change.transaction_id as transaction_id,
    change.committed_at as committed_at,
    change.order_id as order_id,
    change.user_id as user_id,
    change.status as status,
    change.placed_at as placed_at,
    change.country_code as country_code,
    change.currency_code as currency_code,
    change.shipping_micros as shipping_micros,
    change.discount_micros as discount_micros,
    case
      when change.reject_reason is not null then change.reject_reason
      when change.op not in ('snapshot', 'insert', 'update', 'delete') then 'unknown_operation'
      when date(change.committed_at) > date_add(load_date, interval @max_skew_days day)
        then 'in_future'
    end as reject_reason
  from parsed
)

select * from final
