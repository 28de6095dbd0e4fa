/*
about    = "Every user that any source has ever told of, once."
grain    = ["user_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "entities"
cluster_by = ["user_hk"]
owner    = "data-platform"

[columns]
user_hk         = { type = "STRING",    required = true, about = "udf.hash_key(user_id)" }
user_id         = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the user." }
record_source   = { type = "STRING",    required = true, about = "The source, and the functionality, that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the user was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select user_id, event_at as seen_at, 'mobile_events/' || functionality as record_source, load_date
  from standardized.mobile_events_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  union all
  select user_id, committed_at, 'db_users', load_date
  from standardized.db_users_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  union all
  select user_id, committed_at, 'db_orders', load_date
  from standardized.db_orders_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and user_id <> ''
  union all
  select user_id, committed_at, 'db_payments', load_date
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and user_id <> ''
  union all
  select user_id, committed_at, 'db_subscriptions', load_date
  from standardized.db_subscriptions_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
    and user_id <> ''
),

with_first_load as (
  select
    user_id, seen_at, record_source,
    min(load_date) over (partition by user_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(user_id) as user_hk,
    user_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by user_id order by seen_at, record_source) = 1
)

select * from final
