/*
about        = "Messages of all sources that were rejected, each once: their way up, so that what is lost can be counted beside what is not."
grain        = ["rejection_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["source", "reject_reason"]
owner        = "data-platform"

[columns]
load_date     = { type = "DATE",      required = true, about = "UTC date of publication." }
rejection_hk  = { type = "STRING",    required = true, about = "udf.hash_key_2(source, message_id)" }
message_id    = { type = "STRING",    required = true, about = "The payload is in raw under this." }
published_at  = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
source        = { type = "STRING",    required = true, about = "Where it comes from." }
reject_reason = { type = "STRING",    required = true, about = "Why." }
functionality = { type = "STRING",    required = true, about = "The part of the app, as far as it could be read, or `unknown`." }
app_version   = { type = "STRING",    about = "Version of the app, as far as it could be read." }
action        = { type = "STRING",    about = "The event's name or the operation on the row, as far as it could be read." }
record_source = { type = "STRING",    required = true, about = "The source, and the functionality." }
*/
with

rejected as (
  select
    load_date, message_id, published_at, 'mobile_events' as source, reject_reason, functionality,
    app_version, event_name as action
  from standardized.mobile_events_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_users', reject_reason, 'unknown', null, operation
  from standardized.db_users_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_products', reject_reason, 'unknown', null, operation
  from standardized.db_products_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_orders', reject_reason, 'unknown', null, operation
  from standardized.db_orders_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_order_items', reject_reason, 'unknown', null, operation
  from standardized.db_order_items_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_payments', reject_reason, 'unknown', null, operation
  from standardized.db_payments_rejected
  where load_date between @from_date and @to_date
  union all
  select
    load_date, message_id, published_at, 'db_subscriptions', reject_reason, 'unknown', null,
    operation
  from standardized.db_subscriptions_rejected
  where load_date between @from_date and @to_date
),

final as (
  select
    load_date,
    udf.hash_key_2(source, message_id) as rejection_hk,
    message_id,
    published_at,
    source,
    reject_reason,
    functionality,
    app_version,
    action,
    if(source = 'mobile_events', source || '/' || functionality, source) as record_source
  from rejected
)

select * from final
