/*
about        = "Payments, and how they changed: a row for each state of a payment, from when to when it held, with what the state added to the one before. Sums of the `_change` columns over dates are what was booked on them."
grain        = ["payment_hk", "valid_from"]
build        = "history"
partition_by = "valid_from"
valid_to     = "valid_to"
cut          = [{ table = "vault.sat_payment", column = "effective_at" }]
growth       = "entities"
cluster_by   = ["payment_hk"]
owner        = "analytics"

[parameters]
max_skew_days = "raw.db_payments.max_skew_days"

[columns]
payment_hk             = { type = "STRING",    required = true, about = "The payment." }
valid_from             = { type = "TIMESTAMP", required = true, about = "From when the state holds, included." }
valid_to               = { type = "TIMESTAMP", required = true, about = "Until when it holds, excluded." }
hashdiff               = { type = "STRING",    required = true, about = "Hash of what the payment says." }
is_deleted             = { type = "BOOL",      required = true, about = "Whether the payment was deleted." }
order_hk               = { type = "STRING",    required = true, about = "What is paid; the unknown member if nobody said." }
user_hk                = { type = "STRING",    required = true, about = "Who pays; the unknown member if nobody said." }
status                 = { type = "STRING",    required = true, about = "`pending`, `captured`, `failed` or `refunded`, or `unknown`." }
method                 = { type = "STRING",    required = true, about = "`card`, `wallet` or `transfer`, or `unknown`." }
attempted_at           = { type = "TIMESTAMP", about = "When the user asked for it." }
country_code           = { type = "STRING",    required = true, about = "Where the bill goes, as last said; `unknown` if never." }
currency_code          = { type = "STRING",    required = true, about = "Currency of the amounts, as last said; `XXX` if never." }
amount_micros          = { type = "INT64",     required = true, about = "What is to be paid." }
payment_count          = { type = "INT64",     required = true, about = "1 if the payment counts, else 0: sums count payments." }
failed_count           = { type = "INT64",     required = true, about = "1 if it failed, else 0." }
captured_micros        = { type = "INT64",     required = true, about = "The amount, if it was ever captured, else 0." }
refunded_micros        = { type = "INT64",     required = true, about = "What was given back of it." }
payment_count_change   = { type = "INT64",     required = true, about = "What the state adds to the one before." }
failed_count_change    = { type = "INT64",     required = true, about = "What the state adds to the one before." }
captured_change_micros = { type = "INT64",     required = true, about = "What the state adds to the one before." }
refunded_change_micros = { type = "INT64",     required = true, about = "What the state adds to the one before." }

[[checks]]
name   = "a row holds for some time"
expect = "valid_from < valid_to"
*/
with

touched as (
  select distinct payment_hk from vault.sat_payment where load_date between @from_date and @to_date
),

prior as (
  -- The rows that span the cut: what is known of each touched payment before it.
  select
    d.payment_hk, d.valid_from, d.hashdiff, d.is_deleted, d.order_hk, d.user_hk, d.status,
    d.method, d.attempted_at, d.country_code, d.currency_code, d.amount_micros, d.payment_count,
    d.failed_count, d.captured_micros, d.refunded_micros, d.payment_count_change,
    d.failed_count_change, d.captured_change_micros, d.refunded_change_micros
  from dimensional.fact_payment as d
  join touched as t on t.payment_hk = d.payment_hk
  where d.valid_from < @cut and d.valid_to >= @cut
),

changes as (
  -- Of all load dates on which a change at or after the cut can have come.
  select
    s.payment_hk, s.effective_at, s.sequence, s.hashdiff, s.is_deleted, s.order_hk, s.user_hk,
    s.status, s.method, s.attempted_at, s.country_code, s.currency_code,
    ifnull(s.amount_micros, 0) as amount_micros, ifnull(s.refunded_micros, 0) as refunded_micros
  from vault.sat_payment as s
  join touched as t on t.payment_hk = s.payment_hk
  where s.load_date >= date_sub(date(@cut), interval @max_skew_days day)
    and s.effective_at >= @cut
),

one_per_instant as (
  select
    payment_hk, effective_at, hashdiff, is_deleted, order_hk, user_hk, status, method,
    attempted_at, country_code, currency_code, amount_micros, refunded_micros
  from changes
  where true
  qualify row_number() over (
    partition by payment_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

with_prior as (
  select
    payment_hk, effective_at, hashdiff, is_deleted, order_hk, user_hk, status, method,
    attempted_at, country_code, currency_code, amount_micros, refunded_micros, false as is_prior
  from one_per_instant
  union all
  select
    payment_hk, valid_from, hashdiff, is_deleted, order_hk, user_hk, status, method,
    attempted_at, country_code, currency_code, amount_micros, refunded_micros, true
  from prior
),

carried as (
  -- Country and currency stay as they were last said: amounts leave where they were booked.
  select
    payment_hk, effective_at, hashdiff, is_deleted, order_hk, user_hk, status, method,
    attempted_at, amount_micros, refunded_micros, is_prior,
    ifnull(last_value(country_code ignore nulls) over (
      partition by payment_hk order by effective_at
      rows between unbounded preceding and current row
    ), 'unknown') as country_code,
    ifnull(last_value(currency_code ignore nulls) over (
      partition by payment_hk order by effective_at
      rows between unbounded preceding and current row
    ), 'XXX') as currency_code
  from with_prior
),

states as (
  select
    payment_hk,
    effective_at as valid_from,
    if(is_prior, hashdiff, udf.hash_key_3(hashdiff, country_code, currency_code)) as hashdiff,
    is_deleted,
    ifnull(order_hk, udf.unknown_key()) as order_hk,
    ifnull(user_hk, udf.unknown_key()) as user_hk,
    ifnull(status, 'unknown') as status,
    ifnull(method, 'unknown') as method,
    attempted_at,
    country_code,
    currency_code,
    amount_micros,
    if(is_deleted, 0, 1) as payment_count,
    if(not is_deleted and status = 'failed', 1, 0) as failed_count,
    if(not is_deleted and status in ('captured', 'refunded'), amount_micros, 0) as captured_micros,
    refunded_micros,
    is_prior
  from carried
),

changed as (
  select *
  from states
  where true
  qualify ifnull(
    lag(hashdiff) over (partition by payment_hk order by valid_from) <> hashdiff, true
  )
),

moved as (
  select
    *,
    lead(valid_from) over (partition by payment_hk order by valid_from) as next_valid_from,
    payment_count - ifnull(
      lag(payment_count) over (partition by payment_hk order by valid_from), 0
    ) as payment_count_change,
    failed_count - ifnull(
      lag(failed_count) over (partition by payment_hk order by valid_from), 0
    ) as failed_count_change,
    captured_micros - ifnull(
      lag(captured_micros) over (partition by payment_hk order by valid_from), 0
    ) as captured_change_micros,
    refunded_micros - ifnull(
      lag(refunded_micros) over (partition by payment_hk order by valid_from), 0
    ) as refunded_change_micros
  from changed
),

final as (
  -- The row that spans the cut keeps what it added to the one before it.
  select
    m.payment_hk,
    m.valid_from,
    ifnull(m.next_valid_from, timestamp '9999-12-31 00:00:00+00') as valid_to,
    m.hashdiff,
    m.is_deleted,
    m.order_hk,
    m.user_hk,
    m.status,
    m.method,
    m.attempted_at,
    m.country_code,
    m.currency_code,
    m.amount_micros,
    m.payment_count,
    m.failed_count,
    m.captured_micros,
    m.refunded_micros,
    ifnull(p.payment_count_change, m.payment_count_change) as payment_count_change,
    ifnull(p.failed_count_change, m.failed_count_change) as failed_count_change,
    ifnull(p.captured_change_micros, m.captured_change_micros) as captured_change_micros,
    ifnull(p.refunded_change_micros, m.refunded_change_micros) as refunded_change_micros
  from moved as m
  left join prior as p on p.payment_hk = m.payment_hk and p.valid_from = m.valid_from
)

select * from final
