/*
about        = "Changes of the table `payments`, each once a load date. A change delivered again on another day is there again: readers take distinct changes."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["payment_id"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "The first message of that day that brought the change." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had that message." }
operation       = { type = "STRING",    required = true, about = "`snapshot`, `insert`, `update` or `delete`." }
lsn             = { type = "INT64",     required = true, about = "Log sequence number: the order of changes in the database." }
transaction_id  = { type = "STRING",    about = "The transaction that made the change." }
committed_at    = { type = "TIMESTAMP", required = true, about = "When it was committed." }
payment_id      = { type = "STRING",    required = true, about = "Which payment changed." }
order_id        = { type = "STRING",    about = "After the change." }
user_id         = { type = "STRING",    about = "After the change." }
status          = { type = "STRING",    about = "After the change." }
method          = { type = "STRING",    about = "After the change." }
amount_micros   = { type = "INT64",     about = "After the change." }
refunded_micros = { type = "INT64",     about = "After the change." }
currency_code   = { type = "STRING",    about = "After the change." }
country_code    = { type = "STRING",    about = "After the change." }
attempted_at    = { type = "TIMESTAMP", about = "After the change." }
*/
with

final as (
  -- Within the load date only: the rows of a day then only ever grow, and what is merged from them
  -- stays right when a late file comes.
  select
    load_date, message_id, published_at, operation, lsn, transaction_id, committed_at, payment_id,
    order_id, user_id, status, method, amount_micros, refunded_micros, currency_code, country_code,
    attempted_at
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  qualify row_number() over (
    partition by
      load_date, payment_id, lsn, operation, transaction_id, committed_at, order_id, user_id,
      status, method, amount_micros, refunded_micros, currency_code, country_code, attempted_at
    order by published_at, message_id
  ) = 1
)

select * from final
