/*
about        = "Subscriptions with their history (SCD2): which plan a user pays for, from when to when. Every subscription has a row from the beginning of time, inferred until the backend speaks; one member stands for unknown."
grain        = ["subscription_hk", "valid_from"]
build        = "history"
partition_by = "valid_from"
valid_to     = "valid_to"
cut          = [{ table = "vault.sat_subscription", column = "effective_at" }]
growth       = "entities"
cluster_by   = ["subscription_hk"]
owner        = "analytics"

[parameters]
max_skew_days = "raw.db_subscriptions.max_skew_days"

[columns]
subscription_hk = { type = "STRING",    required = true, about = "Hash key of the subscription." }
subscription_id = { type = "STRING",    required = true, about = "Business key, or `unknown`." }
valid_from      = { type = "TIMESTAMP", required = true, about = "From when the row holds, included." }
valid_to        = { type = "TIMESTAMP", required = true, about = "Until when it holds, excluded." }
hashdiff        = { type = "STRING",    required = true, about = "Hash of the attributes; `inferred` before the backend speaks, `deleted` after a delete." }
is_deleted      = { type = "BOOL",      required = true, about = "Whether the subscription was deleted." }
user_hk         = { type = "STRING",    required = true, about = "Whose; the unknown member if nobody said or it was deleted." }
plan            = { type = "STRING",    required = true, about = "`plus` or `pro`, or `unknown`." }
status          = { type = "STRING",    required = true, about = "`active` or `cancelled`, or `unknown`." }
price_micros    = { type = "INT64",     about = "What a month costs, in millionths of the currency." }
currency_code   = { type = "STRING",    about = "Its currency." }
started_at      = { type = "TIMESTAMP", about = "When it began." }
ended_at        = { type = "TIMESTAMP", about = "When it ended, if it has." }

[[checks]]
name   = "a row holds for some time"
expect = "valid_from < valid_to"
*/
with

touched as (
  select subscription_hk
  from vault.sat_subscription
  where load_date between @from_date and @to_date
  union distinct
  select subscription_hk
  from vault.hub_subscription
  where first_load_date between @from_date and @to_date
  union distinct
  select udf.unknown_key()
),

prior as (
  -- The row that spans the cut, or, for a key without one, the inferred row.
  select
    t.subscription_hk,
    ifnull(d.valid_from, timestamp '0001-01-01 00:00:00+00') as effective_at,
    -1 as sequence,
    ifnull(d.hashdiff, 'inferred') as hashdiff,
    ifnull(d.is_deleted, false) as is_deleted,
    ifnull(d.user_hk, udf.unknown_key()) as user_hk,
    ifnull(d.plan, 'unknown') as plan,
    ifnull(d.status, 'unknown') as status,
    d.price_micros,
    d.currency_code,
    d.started_at,
    d.ended_at
  from touched as t
  left join dimensional.dim_subscription as d
    on d.subscription_hk = t.subscription_hk and d.valid_from < @cut and d.valid_to >= @cut
),

changes as (
  -- Of all load dates on which a change at or after the cut can have come.
  select
    s.subscription_hk, s.effective_at, s.sequence, s.hashdiff, s.is_deleted,
    ifnull(s.user_hk, udf.unknown_key()) as user_hk, ifnull(s.plan, 'unknown') as plan,
    ifnull(s.status, 'unknown') as status, s.price_micros, s.currency_code, s.started_at, s.ended_at
  from vault.sat_subscription as s
  join touched as t on t.subscription_hk = s.subscription_hk
  where s.load_date >= date_sub(date(@cut), interval @max_skew_days day)
    and s.effective_at >= @cut
),

-- First one winner an instant, then equal neighbours collapsed, then the ends: in another order a
-- state that lasts no time would hide a change.
one_per_instant as (
  select
    subscription_hk, effective_at, hashdiff, is_deleted, user_hk, plan, status, price_micros,
    currency_code, started_at, ended_at
  from (select * from prior union all select * from changes)
  where true
  qualify row_number() over (
    partition by subscription_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

changed as (
  select
    subscription_hk, effective_at, hashdiff, is_deleted, user_hk, plan, status, price_micros,
    currency_code, started_at, ended_at
  from one_per_instant
  where true
  qualify ifnull(
    lag(hashdiff) over (partition by subscription_hk order by effective_at) <> hashdiff, true
  )
),

final as (
  select
    c.subscription_hk,
    ifnull(h.subscription_id, 'unknown') as subscription_id,
    c.effective_at as valid_from,
    ifnull(
      lead(c.effective_at) over (partition by c.subscription_hk order by c.effective_at),
      timestamp '9999-12-31 00:00:00+00'
    ) as valid_to,
    c.hashdiff,
    c.is_deleted,
    c.user_hk,
    c.plan,
    c.status,
    c.price_micros,
    c.currency_code,
    c.started_at,
    c.ended_at
  from changed as c
  left join vault.hub_subscription as h on h.subscription_hk = c.subscription_hk
)

select * from final
