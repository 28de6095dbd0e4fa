/*
about        = "Changes of the table `subscriptions`, each once a load date. A change delivered again on another day is there again: readers take distinct changes."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["subscription_id"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "The first message of that day that brought the change." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had that message." }
operation       = { type = "STRING",    required = true, about = "`snapshot`, `insert`, `update` or `delete`." }
lsn             = { type = "INT64",     required = true, about = "Log sequence number: the order of changes in the database." }
transaction_id  = { type = "STRING",    about = "The transaction that made the change." }
committed_at    = { type = "TIMESTAMP", required = true, about = "When it was committed." }
subscription_id = { type = "STRING",    required = true, about = "Which subscription changed." }
user_id         = { type = "STRING",    about = "After the change." }
plan            = { type = "STRING",    about = "After the change." }
status          = { type = "STRING",    about = "After the change." }
price_micros    = { type = "INT64",     about = "After the change." }
currency_code   = { type = "STRING",    about = "After the change." }
started_at      = { type = "TIMESTAMP", about = "After the change." }
ended_at        = { type = "TIMESTAMP", about = "After the change." }
*/
with

final as (
  -- Within the load date only: the rows of a day then only ever grow, and what is merged from them
  -- stays right when a late file comes.
  select
    load_date, message_id, published_at, operation, lsn, transaction_id, committed_at,
    subscription_id, user_id, plan, status, price_micros, currency_code, started_at, ended_at
  from standardized.db_subscriptions_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  qualify row_number() over (
    partition by
      load_date, subscription_id, lsn, operation, transaction_id, committed_at, user_id, plan,
      status, price_micros, currency_code, started_at, ended_at
    order by published_at, message_id
  ) = 1
)

select * from final
