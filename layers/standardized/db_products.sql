/*
about        = "Changes of the table `products`, each once a load date. A change delivered again on another day is there again: readers take distinct changes."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["product_id"]
owner        = "data-platform"

[columns]
load_date         = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id        = { type = "STRING",    required = true, about = "The first message of that day that brought the change." }
published_at      = { type = "TIMESTAMP", required = true, about = "When the bus had that message." }
operation         = { type = "STRING",    required = true, about = "`snapshot`, `insert`, `update` or `delete`." }
lsn               = { type = "INT64",     required = true, about = "Log sequence number: the order of changes in the database." }
transaction_id    = { type = "STRING",    about = "The transaction that made the change." }
committed_at      = { type = "TIMESTAMP", required = true, about = "When it was committed." }
product_id        = { type = "STRING",    required = true, about = "Which product changed." }
name              = { type = "STRING",    about = "After the change." }
category          = { type = "STRING",    about = "After the change." }
list_price_micros = { type = "INT64",     about = "After the change; of the reporting currency." }
is_active         = { type = "BOOL",      about = "After the change." }
*/
with

final as (
  -- Within the load date only: the rows of a day then only ever grow, and what is merged from them
  -- stays right when a late file comes.
  select
    load_date, message_id, published_at, operation, lsn, transaction_id, committed_at, product_id,
    name, category, list_price_micros, is_active
  from standardized.db_products_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
  qualify row_number() over (
    partition by
      load_date, product_id, lsn, operation, transaction_id, committed_at, name, category,
      list_price_micros, is_active
    order by published_at, message_id
  ) = 1
)

select * from final
