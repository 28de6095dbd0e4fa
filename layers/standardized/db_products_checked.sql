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

decoded as (
  select load_date, message_id, published_at, udf.safe_string(payload) as body
  from messages
),

parsed as (
  select load_date, message_id, published_at, body, udf.parse_db_products(body) as change
  from decoded
),

typed as (
  select
    load_date, message_id, published_at, body, change,
    udf.safe_int64(change.lsn) as lsn,
    udf.safe_timestamp(change.committed_at) as committed_at,
    ifnull(nullif(change.after_product_id, ''), nullif(change.before_product_id, '')) as product_id,
    udf.safe_int64(change.after_list_price_micros) as list_price_micros,
    udf.safe_bool(change.after_is_active) as is_active
  from parsed
),

final as (
  -- An empty text in a required field is a missing one.
  select
    load_date,
    message_id,
    published_at,
    change.op as operation,
    lsn,
    change.transaction_id as transaction_id,
    committed_at,
    product_id,
    change.after_name as name,
    change.after_category as category,
    list_price_micros,
    is_active,
    case
      when body is null then 'not_utf8'
      when change is null then 'not_json'
      when product_id is null or ifnull(change.op, '') = '' or ifnull(change.lsn, '') = ''
        or ifnull(change.committed_at, '') = '' then 'missing_key'
      when lsn is null or committed_at is null
        or (change.after_list_price_micros is not null and list_price_micros is null)
        or (change.after_is_active is not null and is_active is null) then 'wrong_type'
      when change.op not in ('snapshot', 'insert', 'update', 'delete') then 'unknown_operation'
      when date(committed_at) > date_add(load_date, interval @max_skew_days day) then 'in_future'
    end as reject_reason
  from typed
)

select * from final
