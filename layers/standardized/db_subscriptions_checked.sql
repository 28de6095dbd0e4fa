/*
about        = "Every change message of the table `subscriptions` once, parsed and typed, with the reason if it is rejected."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["subscription_id"]
owner        = "data-platform"

[parameters]
max_skew_days = "raw.db_subscriptions.max_skew_days"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "Given by the bus, kept by redelivery." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
operation       = { type = "STRING",    about = "`snapshot`, `insert`, `update` or `delete`." }
lsn             = { type = "INT64",     about = "Log sequence number." }
transaction_id  = { type = "STRING",    about = "The transaction that made the change." }
committed_at    = { type = "TIMESTAMP", about = "When it was committed." }
subscription_id = { type = "STRING",    about = "Which subscription changed." }
user_id         = { type = "STRING",    about = "After the change." }
plan            = { type = "STRING",    about = "After the change." }
status          = { type = "STRING",    about = "After the change." }
price_micros    = { type = "INT64",     about = "After the change." }
currency_code   = { type = "STRING",    about = "After the change." }
started_at      = { type = "TIMESTAMP", about = "After the change." }
ended_at        = { type = "TIMESTAMP", about = "After the change." }
reject_reason   = { type = "STRING",    about = "Why it is rejected; NULL if it is valid.", accepted = ["not_utf8", "not_json", "missing_key", "wrong_type", "unknown_operation", "in_future"] }
*/
with

messages as (
  -- The bus delivers at least once: raw may hold copies of a message.
  select distinct load_date, message_id, published_at, payload
  from raw.db_subscriptions
  where load_date between @from_date and @to_date
),

decoded as (
  select load_date, message_id, published_at, udf.safe_string(payload) as body
  from messages
),

parsed as (
  select load_date, message_id, published_at, body, udf.parse_db_subscriptions(body) as change
  from decoded
),

typed as (
  select
    load_date, message_id, published_at, body, change,
    udf.safe_int64(change.lsn) as lsn,
    udf.safe_timestamp(change.committed_at) as committed_at,
    ifnull(nullif(change.after_subscription_id, ''), nullif(change.before_subscription_id, ''))
      as subscription_id,
    udf.safe_int64(change.after_price_micros) as price_micros,
    udf.safe_timestamp(change.after_started_at) as started_at,
    udf.safe_timestamp(change.after_ended_at) as ended_at
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
    subscription_id,
    change.after_user_id as user_id,
    change.after_plan as plan,
    change.after_status as status,
    price_micros,
    change.after_currency_code as currency_code,
    started_at,
    ended_at,
    case
      when body is null then 'not_utf8'
      when change is null then 'not_json'
      when subscription_id is null or ifnull(change.op, '') = '' or ifnull(change.lsn, '') = ''
        or ifnull(change.committed_at, '') = '' then 'missing_key'
      when lsn is null or committed_at is null
        or (change.after_price_micros is not null and price_micros is null)
        or (change.after_started_at is not null and started_at is null)
        or (change.after_ended_at is not null and ended_at is null) then 'wrong_type'
      when change.op not in ('snapshot', 'insert', 'update', 'delete') then 'unknown_operation'
      when date(committed_at) > date_add(load_date, interval @max_skew_days day) then 'in_future'
    end as reject_reason
  from typed
)

select * from final
