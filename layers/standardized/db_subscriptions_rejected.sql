/*
about        = "Change messages of the table `subscriptions` that were rejected, with the reason."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["reject_reason"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "The payload is in raw under this." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
operation       = { type = "STRING",    about = "As far as it could be read." }
subscription_id = { type = "STRING",    about = "As far as it could be read." }
reject_reason   = { type = "STRING",    required = true, about = "Why." }
*/
with

final as (
  select load_date, message_id, published_at, operation, subscription_id, reject_reason
  from standardized.db_subscriptions_checked
  where load_date between @from_date and @to_date
    and reject_reason is not null
)

select * from final
