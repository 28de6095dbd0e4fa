/*
about        = "What the backend said of a payment and when. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "payment_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["payment_hk"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
payment_hk      = { type = "STRING",    required = true, about = "Which payment." }
effective_at    = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence        = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted      = { type = "BOOL",      required = true, about = "Whether the row was deleted by the change." }
order_hk        = { type = "STRING",    about = "What is paid; the unknown member if the backend did not say." }
user_hk         = { type = "STRING",    about = "Who pays; the unknown member if the backend did not say." }
status          = { type = "STRING",    about = "`pending`, `captured`, `failed` or `refunded`." }
method          = { type = "STRING",    about = "`card`, `wallet` or `transfer`." }
amount_micros   = { type = "INT64",     about = "What is to be paid." }
refunded_micros = { type = "INT64",     about = "What was given back of it." }
currency_code   = { type = "STRING",    about = "Currency of both." }
country_code    = { type = "STRING",    about = "Where the bill goes." }
attempted_at    = { type = "TIMESTAMP", about = "When the user asked for it." }
record_source   = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, payment_id, committed_at, lsn, order_id, user_id, status, method, amount_micros,
    refunded_micros, currency_code, country_code, attempted_at,
    operation = 'delete' as is_deleted
  from standardized.db_payments
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(payment_id) as payment_hk,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_9(
      order_id, user_id, status, method, cast(amount_micros as STRING),
      cast(refunded_micros as STRING), currency_code, country_code,
      cast(unix_micros(attempted_at) as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, udf.key_or_unknown(order_id)) as order_hk,
    if(is_deleted, null, udf.key_or_unknown(user_id)) as user_hk,
    if(is_deleted, null, status) as status,
    if(is_deleted, null, method) as method,
    if(is_deleted, null, amount_micros) as amount_micros,
    if(is_deleted, null, refunded_micros) as refunded_micros,
    if(is_deleted, null, currency_code) as currency_code,
    if(is_deleted, null, country_code) as country_code,
    if(is_deleted, null, attempted_at) as attempted_at,
    'db_payments' as record_source
  from changes
)

select * from final
