/*
about        = "What the backend said of a subscription and when. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "subscription_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["subscription_hk"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
subscription_hk = { type = "STRING",    required = true, about = "Which subscription." }
effective_at    = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence        = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted      = { type = "BOOL",      required = true, about = "Whether the row was deleted by the change." }
user_hk         = { type = "STRING",    about = "Whose; the unknown member if the backend did not say." }
plan            = { type = "STRING",    about = "`plus` or `pro`." }
status          = { type = "STRING",    about = "`active` or `cancelled`." }
price_micros    = { type = "INT64",     about = "What a month costs." }
currency_code   = { type = "STRING",    about = "Its currency." }
started_at      = { type = "TIMESTAMP", about = "When it began." }
ended_at        = { type = "TIMESTAMP", about = "When it ended, if it has." }
record_source   = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, subscription_id, committed_at, lsn, user_id, plan, status, price_micros,
    currency_code, started_at, ended_at,
    operation = 'delete' as is_deleted
  from standardized.db_subscriptions
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(subscription_id) as subscription_hk,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_7(
      user_id, plan, status, cast(price_micros as STRING), currency_code,
      cast(unix_micros(started_at) as STRING), cast(unix_micros(ended_at) as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, udf.key_or_unknown(user_id)) as user_hk,
    if(is_deleted, null, plan) as plan,
    if(is_deleted, null, status) as status,
    if(is_deleted, null, price_micros) as price_micros,
    if(is_deleted, null, currency_code) as currency_code,
    if(is_deleted, null, started_at) as started_at,
    if(is_deleted, null, ended_at) as ended_at,
    'db_subscriptions' as record_source
  from changes
)

select * from final
