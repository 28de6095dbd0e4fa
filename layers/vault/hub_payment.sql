/*
about    = "Every attempt to pay an order, once."
grain    = ["payment_hk"]
build    = "merge"
order_by = ["first_seen_at", "record_source"] # the winner among rows of one key
least    = ["first_load_date"]                # kept apart from the winner
growth   = "entities"
cluster_by = ["payment_hk"]
owner    = "data-platform"

[columns]
payment_hk      = { type = "STRING",    required = true, about = "udf.hash_key(payment_id)" }
payment_id      = { type = "STRING",    required = true, about = "Business key, as the sources send it." }
first_seen_at   = { type = "TIMESTAMP", required = true, about = "Earliest time at which any source told of the payment." }
record_source   = { type = "STRING",    required = true, about = "The source that told of that time." }
first_load_date = { type = "DATE",      required = true, about = "Earliest load date on which the payment was told of." }
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select payment_id, committed_at as seen_at, 'db_payments' as record_source, load_date
  from standardized.db_payments_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
),

with_first_load as (
  select
    payment_id, seen_at, record_source,
    min(load_date) over (partition by payment_id) as first_load_date
  from told
),

final as (
  select
    udf.hash_key(payment_id) as payment_hk,
    payment_id,
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by payment_id order by seen_at, record_source) = 1
)

select * from final
