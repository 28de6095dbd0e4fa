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

decoded as (
  select load_date, message_id, published_at, udf.safe_string(payload) as body
  from messages
),

parsed as (
  select load_date, message_id, published_at, body, udf.parse_db_orders(body) as change
  from decoded
),

typed as (
  select
    load_date, message_id, published_at, body, change,
    udf.safe_int64(change.lsn) as lsn,
    udf.safe_timestamp(change.committed_at) as committed_at,
    ifnull(nullif(change.after_order_id, ''), nullif(change.before_order_id, '')) as order_id,
    udf.safe_timestamp(change.after_placed_at) as placed_at,
    udf.safe_int64(change.after_shipping_micros) as shipping_micros,
    udf.safe_int64(change.after_discount_micros) as discount_micros
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
    order_id,
    change.after_user_id as user_id,
    change.after_status as status,
    placed_at,
    change.after_country_code as country_code,
    change.after_currency_code as currency_code,
    shipping_micros,
    discount_micros,
    case
      when body is null then 'not_utf8'
      when change is null then 'not_json'
      when order_id is null or ifnull(change.op, '') = '' or ifnull(change.lsn, '') = ''
        or ifnull(change.committed_at, '') = '' then 'missing_key'
      when lsn is null or committed_at is null
        or (change.after_placed_at is not null and placed_at is null)
        or (change.after_shipping_micros is not null and shipping_micros is null)
        or (change.after_discount_micros is not null and discount_micros is null) then 'wrong_type'
      when change.op not in ('snapshot', 'insert', 'update', 'delete') then 'unknown_operation'
      when date(committed_at) > date_add(load_date, interval @max_skew_days day) then 'in_future'
    end as reject_reason
  from typed
)

select * from final
