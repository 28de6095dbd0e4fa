/*
about        = "Every change message of the table `products` once, parsed and typed, with the reason if it is rejected."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["product_id"]
owner        = "data-platform"

[parameters]
max_skew_days = "raw.db_products.max_skew_days"

[columns]
load_date         = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id        = { type = "STRING",    required = true, about = "Given by the bus, kept by redelivery." }
published_at      = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
operation         = { type = "STRING",    about = "`snapshot`, `insert`, `update` or `delete`." }
lsn               = { type = "INT64",     about = "Log sequence number." }
transaction_id    = { type = "STRING",    about = "The transaction that made the change." }
committed_at      = { type = "TIMESTAMP", about = "When it was committed." }
product_id        = { type = "STRING",    about = "Which product changed." }
name              = { type = "STRING",    about = "After the change." }
category          = { type = "STRING",    about = "After the change." }
list_price_micros = { type = "INT64",     about = "After the change; of the reporting currency." }
is_active         = { type = "BOOL",      about = "After the change." }
reject_reason     = { type = "STRING",    about = "Why it is rejected; NULL if it is valid.", accepted = ["not_utf8", "not_json", "missing_key", "wrong_type", "unknown_operation", "in_future"] }
*/
with

messages as (
  -- The bus delivers at least once: raw may hold copies of a message.
  select distinct load_date, message_id, published_at, payload
  from raw.db_products
  where load_date between @from_date and @to_date
),

parsed as (
  select load_date, message_id, published_at, udf.parse_db_products(payload) as change
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
    change.product_id as product_id,
    change.name as name,
    change.category as category,
    change.list_price_micros as list_price_micros,
    change.is_active as is_active,
    case
      when change.reject_reason is not null then change.reject_reason
      when change.op not in ('snapshot', 'insert', 'update', 'delete') then 'unknown_operation'
      when date(change.committed_at) > date_add(load_date, interval @max_skew_days day)
        then 'in_future'
    end as reject_reason
  from parsed
)

select * from final
