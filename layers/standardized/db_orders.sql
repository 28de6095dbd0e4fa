/*
about        = "Changes of the table `orders`, each once a load date. A change delivered again on another day is there again: readers take distinct changes."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["order_id"]
owner        = "data-platform"

[columns]
load_date       = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id      = { type = "STRING",    required = true, about = "The first message of that day that brought the change." }
published_at    = { type = "TIMESTAMP", required = true, about = "When the bus had that message." }
operation       = { type = "STRING",    required = true, about = "`snapshot`, `insert`, `update` or `delete`." }
lsn             = { type = "INT64",     required = true, about = "Log sequence number: the order of changes in the database." }
transaction_id  = { type = "STRING",    about = "The transaction that made the change." }
committed_at    = { type = "TIMESTAMP", required = true, about = "When it was committed." }
order_id        = { type = "STRING",    required = true, about = "Which order changed." }
user_id         = { type = "STRING",    about = "After the change." }
status          = { type = "STRING",    about = "After the change." }
placed_at       = { type = "TIMESTAMP", about = "After the change." }
country_code    = { type = "STRING",    about = "After the change." }
currency_code   = { type = "STRING",    about = "After the change." }
shipping_micros = { type = "INT64",     about = "After the change." }
discount_micros = { type = "INT64",     about = "After the change." }
*/
with

final as (
  -- Within the load date only: the rows of a day then only ever grow, and what is merged from them
  -- stays right when a late file comes.
  select
    load_date, message_id, published_at, operation, lsn, transaction_id, committed_at, order_id,
    user_id, status, placed_at, country_code, currency_code, shipping_micros, discount_micros
  from standardized.db_orders_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  qualify row_number() over (
    partition by
      load_date, order_id, lsn, operation, transaction_id, committed_at, user_id, status, placed_at,
      country_code, currency_code, shipping_micros, discount_micros
    order by published_at, message_id
  ) = 1
)

select * from final
