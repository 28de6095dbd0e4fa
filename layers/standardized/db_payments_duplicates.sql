/*
about        = "Valid change messages of the table `payments` that an earlier message of the same load date brought already, with that message."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["payment_id"]
owner        = "data-platform"

[columns]
load_date          = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id         = { type = "STRING",    required = true, about = "The message that was dropped." }
payment_id         = { type = "STRING",    required = true, about = "Which payment changed." }
lsn                = { type = "INT64",     required = true, about = "The change that it brought again." }
earlier_message_id = { type = "STRING",    required = true, about = "The message that brought the change before." }
*/
with

with_earlier as (
  select
    load_date, message_id, payment_id, lsn,
    lag(message_id) over (
      partition by
        load_date, payment_id, lsn, operation, transaction_id, committed_at, order_id, user_id,
        status, method, amount_micros, refunded_micros, currency_code, country_code, attempted_at
      order by published_at, message_id
    ) as earlier_message_id
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
),

final as (
  select load_date, message_id, payment_id, lsn, earlier_message_id
  from with_earlier
  where earlier_message_id is not null
)

select * from final
