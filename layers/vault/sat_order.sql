/*
about        = "What the backend said of an order, its lines apart, and when. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "order_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_hk"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
order_hk        = { type = "STRING",    required = true, about = "Which order." }
effective_at    = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence        = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted      = { type = "BOOL",      required = true, about = "Whether the row was deleted by the change." }
user_hk         = { type = "STRING",    about = "Who ordered; the unknown member if the backend did not say." }
status          = { type = "STRING",    about = "`placed`, `paid`, `shipped`, `delivered`, `cancelled` or `returned`." }
placed_at       = { type = "TIMESTAMP", about = "When it was placed." }
country_code    = { type = "STRING",    about = "Where it goes." }
currency_code   = { type = "STRING",    about = "Currency of all its amounts." }
shipping_micros = { type = "INT64",     about = "What shipping costs." }
discount_micros = { type = "INT64",     about = "What is taken off the sum of the lines." }
record_source   = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, order_id, committed_at, lsn, user_id, status, placed_at, country_code,
    currency_code, shipping_micros, discount_micros,
    operation = 'delete' as is_deleted
  from standardized.db_orders
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(order_id) as order_hk,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_7(
      user_id, status, cast(unix_micros(placed_at) as STRING), country_code, currency_code,
      cast(shipping_micros as STRING), cast(discount_micros as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, udf.key_or_unknown(user_id)) as user_hk,
    if(is_deleted, null, status) as status,
    if(is_deleted, null, placed_at) as placed_at,
    if(is_deleted, null, country_code) as country_code,
    if(is_deleted, null, currency_code) as currency_code,
    if(is_deleted, null, shipping_micros) as shipping_micros,
    if(is_deleted, null, discount_micros) as discount_micros,
    'db_orders' as record_source
  from changes
)

select * from final
