/*
about        = "Lines of orders, and how they changed: a row for each state of a line, from when to when it held, with what the state added to the one before. Sums of the `_change` columns over dates are what was booked on them; rows that hold at an instant are the orders as they then were. Line 0 is the order itself: shipping less discount."
grain        = ["order_hk", "line_number", "valid_from"]
build        = "history"
partition_by = "valid_from"
valid_to     = "valid_to"
cut          = [
  { table = "vault.sat_order", column = "effective_at" },
  { table = "vault.sat_order_line", column = "effective_at" },
]
growth       = "entities"
cluster_by   = ["order_hk"]
owner        = "analytics"

[parameters]
max_skew_days      = "raw.db_orders.max_skew_days"
max_line_skew_days = "raw.db_order_items.max_skew_days"

[columns]
order_hk                = { type = "STRING",    required = true, about = "The order." }
line_number             = { type = "INT64",     required = true, about = "Which line of it; 0 is the order itself." }
valid_from              = { type = "TIMESTAMP", required = true, about = "From when the state holds, included." }
valid_to                = { type = "TIMESTAMP", required = true, about = "Until when it holds, excluded." }
hashdiff                = { type = "STRING",    required = true, about = "Hash of what line and order say." }
line_hashdiff           = { type = "STRING",    about = "Hash of what the line says; NULL of line 0." }
order_hashdiff          = { type = "STRING",    about = "Hash of what the order says; NULL as long as the backend has not told of the order." }
is_line_deleted         = { type = "BOOL",      required = true, about = "Whether the line was deleted." }
is_order_deleted        = { type = "BOOL",      required = true, about = "Whether the order was deleted." }
user_hk                 = { type = "STRING",    required = true, about = "Who ordered; the unknown member before the order is known." }
product_hk              = { type = "STRING",    required = true, about = "The product; the unknown member of line 0." }
status                  = { type = "STRING",    required = true, about = "Of the order: `placed`, `paid`, `shipped`, `delivered`, `cancelled`, `returned`, or `unknown`." }
placed_at               = { type = "TIMESTAMP", about = "When the order was placed." }
country_code            = { type = "STRING",    required = true, about = "Where it goes, as last said; `unknown` if never." }
currency_code           = { type = "STRING",    required = true, about = "Currency of the amounts, as last said; `XXX` if never." }
quantity                = { type = "INT64",     about = "How many of the product." }
amount_micros           = { type = "INT64",     required = true, about = "Quantity times price; of line 0 shipping less discount." }
order_count             = { type = "INT64",     required = true, about = "1 for line 0 of an order that counts, else 0: sums count orders." }
gross_micros            = { type = "INT64",     required = true, about = "The amount, if order and line are known and not deleted, else 0." }
cancelled_micros        = { type = "INT64",     required = true, about = "That part of the gross amount whose order is cancelled." }
returned_micros         = { type = "INT64",     required = true, about = "That part of the gross amount whose order was returned." }
order_count_change      = { type = "INT64",     required = true, about = "What the state adds to the one before." }
gross_change_micros     = { type = "INT64",     required = true, about = "What the state adds to the one before." }
cancelled_change_micros = { type = "INT64",     required = true, about = "What the state adds to the one before." }
returned_change_micros  = { type = "INT64",     required = true, about = "What the state adds to the one before." }

[[checks]]
name   = "a row holds for some time"
expect = "valid_from < valid_to"
*/
with

touched as (
  select order_hk from vault.sat_order where load_date between @from_date and @to_date
  union distinct
  select order_hk from vault.sat_order_line where load_date between @from_date and @to_date
),

prior as (
  -- The rows that span the cut: what is known of each touched order and its lines before it.
  select
    d.order_hk, d.line_number, d.valid_from, d.hashdiff, d.line_hashdiff, d.order_hashdiff,
    d.is_line_deleted, d.is_order_deleted, d.user_hk, d.product_hk, d.status, d.placed_at,
    d.country_code, d.currency_code, d.quantity, d.amount_micros, d.order_count, d.gross_micros,
    d.cancelled_micros, d.returned_micros, d.order_count_change, d.gross_change_micros,
    d.cancelled_change_micros, d.returned_change_micros
  from dimensional.fact_order_line as d
  join touched as t on t.order_hk = d.order_hk
  where d.valid_from < @cut and d.valid_to >= @cut
),

-- What each order says, since when: one winner an instant.
order_changes as (
  select
    s.order_hk, s.effective_at, s.sequence, s.hashdiff, s.is_deleted,
    s.user_hk, s.status, s.placed_at, s.country_code, s.currency_code,
    ifnull(
      safe_subtract(ifnull(s.shipping_micros, 0), ifnull(s.discount_micros, 0)), 0
    ) as amount_micros
  from vault.sat_order as s
  join touched as t on t.order_hk = s.order_hk
  where s.load_date >= date_sub(date(@cut), interval @max_skew_days day)
    and s.effective_at >= @cut
  union all
  select
    order_hk, valid_from, -1, order_hashdiff, is_order_deleted,
    user_hk, status, placed_at, country_code, currency_code, amount_micros
  from prior
  where line_number = 0
),

order_instants as (
  select
    order_hk, effective_at, hashdiff, is_deleted, user_hk, status, placed_at, country_code,
    currency_code, amount_micros
  from order_changes
  where true
  qualify row_number() over (
    partition by order_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

order_states as (
  -- Country and currency stay as they were last said: amounts leave where they were booked.
  select
    order_hk, effective_at, hashdiff, is_deleted, user_hk, status, placed_at, amount_micros,
    last_value(country_code ignore nulls) over (
      partition by order_hk order by effective_at
      rows between unbounded preceding and current row
    ) as country_code,
    last_value(currency_code ignore nulls) over (
      partition by order_hk order by effective_at
      rows between unbounded preceding and current row
    ) as currency_code,
    ifnull(
      lead(effective_at) over (partition by order_hk order by effective_at),
      timestamp '9999-12-31 00:00:00+00'
    ) as next_effective_at
  from order_instants
),

-- What each line says, since when.
line_changes as (
  select
    s.order_hk, s.line_number, s.effective_at, s.sequence, s.hashdiff, s.is_deleted,
    s.product_hk, s.quantity,
    ifnull(safe_multiply(s.quantity, s.unit_price_micros), 0) as amount_micros
  from vault.sat_order_line as s
  join touched as t on t.order_hk = s.order_hk
  where s.load_date >= date_sub(date(@cut), interval @max_line_skew_days day)
    and s.effective_at >= @cut
    and s.line_number >= 1
  union all
  select
    order_hk, line_number, valid_from, -1, line_hashdiff, is_line_deleted,
    product_hk, quantity, amount_micros
  from prior
  where line_number >= 1
),

line_instants as (
  select
    order_hk, line_number, effective_at, hashdiff, is_deleted, product_hk, quantity, amount_micros
  from line_changes
  where true
  qualify row_number() over (
    partition by order_hk, line_number, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

line_states as (
  select
    order_hk, line_number, effective_at, hashdiff, is_deleted, product_hk, quantity, amount_micros,
    ifnull(
      lead(effective_at) over (partition by order_hk, line_number order by effective_at),
      timestamp '9999-12-31 00:00:00+00'
    ) as next_effective_at
  from line_instants
),

-- The instants of a line: its own, and those of its order while there is a line.
instants as (
  select order_hk, line_number, effective_at from line_instants where effective_at >= @cut
  union distinct
  select o.order_hk, l.line_number, o.effective_at
  from order_instants as o
  join line_states as l
    on l.order_hk = o.order_hk
    and l.effective_at <= o.effective_at
    and l.next_effective_at > o.effective_at
  where o.effective_at >= @cut
),

joined as (
  select
    i.order_hk, i.line_number, i.effective_at,
    l.hashdiff as line_hashdiff, o.hashdiff as order_hashdiff,
    l.is_deleted as is_line_deleted, ifnull(o.is_deleted, false) as is_order_deleted,
    o.user_hk, l.product_hk, o.status, o.placed_at, o.country_code, o.currency_code,
    l.quantity, l.amount_micros
  from instants as i
  join line_states as l
    on l.order_hk = i.order_hk
    and l.line_number = i.line_number
    and l.effective_at <= i.effective_at
    and l.next_effective_at > i.effective_at
  left join order_states as o
    on o.order_hk = i.order_hk
    and o.effective_at <= i.effective_at
    and o.next_effective_at > i.effective_at
  union all
  select
    order_hk, 0, effective_at,
    null, hashdiff,
    false, is_deleted,
    user_hk, udf.unknown_key(), status, placed_at, country_code, currency_code,
    null, amount_micros
  from order_states
  where effective_at >= @cut
),

valued as (
  select
    order_hk, line_number, effective_at,
    udf.hash_key_4(
      line_hashdiff, order_hashdiff, ifnull(country_code, 'unknown'), ifnull(currency_code, 'XXX')
    ) as hashdiff,
    line_hashdiff, order_hashdiff, is_line_deleted, is_order_deleted,
    ifnull(user_hk, udf.unknown_key()) as user_hk,
    ifnull(product_hk, udf.unknown_key()) as product_hk,
    ifnull(status, 'unknown') as status,
    placed_at,
    ifnull(country_code, 'unknown') as country_code,
    ifnull(currency_code, 'XXX') as currency_code,
    quantity,
    amount_micros,
    order_hashdiff is not null and not is_order_deleted and not is_line_deleted as is_counted
  from joined
),

states as (
  select
    order_hk, line_number, effective_at as valid_from, hashdiff, line_hashdiff, order_hashdiff,
    is_line_deleted, is_order_deleted, user_hk, product_hk, status, placed_at, country_code,
    currency_code, quantity, amount_micros,
    if(is_counted and line_number = 0, 1, 0) as order_count,
    if(is_counted, amount_micros, 0) as gross_micros,
    if(is_counted and status = 'cancelled', amount_micros, 0) as cancelled_micros,
    if(is_counted and status = 'returned', amount_micros, 0) as returned_micros
  from valued
  union all
  select
    order_hk, line_number, valid_from, hashdiff, line_hashdiff, order_hashdiff,
    is_line_deleted, is_order_deleted, user_hk, product_hk, status, placed_at, country_code,
    currency_code, quantity, amount_micros, order_count, gross_micros, cancelled_micros,
    returned_micros
  from prior
),

changed as (
  select *
  from states
  where true
  qualify ifnull(
    lag(hashdiff) over (partition by order_hk, line_number order by valid_from) <> hashdiff, true
  )
),

moved as (
  select
    *,
    lead(valid_from) over (
      partition by order_hk, line_number order by valid_from
    ) as next_valid_from,
    order_count - ifnull(
      lag(order_count) over (partition by order_hk, line_number order by valid_from), 0
    ) as order_count_change,
    gross_micros - ifnull(
      lag(gross_micros) over (partition by order_hk, line_number order by valid_from), 0
    ) as gross_change_micros,
    cancelled_micros - ifnull(
      lag(cancelled_micros) over (partition by order_hk, line_number order by valid_from), 0
    ) as cancelled_change_micros,
    returned_micros - ifnull(
      lag(returned_micros) over (partition by order_hk, line_number order by valid_from), 0
    ) as returned_change_micros
  from changed
),

final as (
  -- The row that spans the cut keeps what it added to the one before it.
  select
    m.order_hk,
    m.line_number,
    m.valid_from,
    ifnull(m.next_valid_from, timestamp '9999-12-31 00:00:00+00') as valid_to,
    m.hashdiff,
    m.line_hashdiff,
    m.order_hashdiff,
    m.is_line_deleted,
    m.is_order_deleted,
    m.user_hk,
    m.product_hk,
    m.status,
    m.placed_at,
    m.country_code,
    m.currency_code,
    m.quantity,
    m.amount_micros,
    m.order_count,
    m.gross_micros,
    m.cancelled_micros,
    m.returned_micros,
    ifnull(p.order_count_change, m.order_count_change) as order_count_change,
    ifnull(p.gross_change_micros, m.gross_change_micros) as gross_change_micros,
    ifnull(p.cancelled_change_micros, m.cancelled_change_micros) as cancelled_change_micros,
    ifnull(p.returned_change_micros, m.returned_change_micros) as returned_change_micros
  from moved as m
  left join prior as p
    on p.order_hk = m.order_hk and p.line_number = m.line_number and p.valid_from = m.valid_from
)

select * from final
