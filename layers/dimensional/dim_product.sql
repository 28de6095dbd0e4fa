/*
about        = "Products with their history (SCD2). Every product has a row from the beginning of time, inferred until the backend speaks; one member stands for unknown."
grain        = ["product_hk", "valid_from"]
build        = "history"
partition_by = "valid_from"
valid_to     = "valid_to"
cut          = [{ table = "vault.sat_product", column = "effective_at" }]
growth       = "entities"
cluster_by   = ["product_hk"]
owner        = "analytics"

[parameters]
max_skew_days = "raw.db_products.max_skew_days"

[columns]
product_hk        = { type = "STRING",    required = true, about = "Hash key of the product." }
product_id        = { type = "STRING",    required = true, about = "Business key, or `unknown`." }
valid_from        = { type = "TIMESTAMP", required = true, about = "From when the row holds, included." }
valid_to          = { type = "TIMESTAMP", required = true, about = "Until when it holds, excluded." }
hashdiff          = { type = "STRING",    required = true, about = "Hash of the attributes; `inferred` before the backend speaks, `deleted` after a delete." }
is_deleted        = { type = "BOOL",      required = true, about = "Whether the product was deleted." }
name              = { type = "STRING",    required = true, about = "What it is called, or `unknown`." }
category          = { type = "STRING",    required = true, about = "The part of the assortment, or `unknown`." }
list_price_micros = { type = "INT64",     about = "Price in millionths of the reporting currency; NULL if inferred or deleted." }
is_active         = { type = "BOOL",      about = "Whether it can be ordered; NULL if inferred or deleted." }

[[checks]]
name   = "a row holds for some time"
expect = "valid_from < valid_to"
*/
with

touched as (
  select product_hk
  from vault.sat_product
  where load_date between @from_date and @to_date
  union distinct
  select product_hk
  from vault.hub_product
  where first_load_date between @from_date and @to_date
  union distinct
  select udf.unknown_key()
),

prior as (
  -- The row that spans the cut, or, for a key without one, the inferred row.
  select
    t.product_hk,
    ifnull(d.valid_from, timestamp '0001-01-01 00:00:00+00') as effective_at,
    -1 as sequence,
    ifnull(d.hashdiff, 'inferred') as hashdiff,
    ifnull(d.is_deleted, false) as is_deleted,
    ifnull(d.name, 'unknown') as name,
    ifnull(d.category, 'unknown') as category,
    d.list_price_micros,
    d.is_active
  from touched as t
  left join dimensional.dim_product as d
    on d.product_hk = t.product_hk and d.valid_from < @cut and d.valid_to >= @cut
),

changes as (
  -- Of all load dates on which a change at or after the cut can have come.
  select
    s.product_hk, s.effective_at, s.sequence, s.hashdiff, s.is_deleted,
    ifnull(s.name, 'unknown') as name, ifnull(s.category, 'unknown') as category,
    s.list_price_micros, s.is_active
  from vault.sat_product as s
  join touched as t on t.product_hk = s.product_hk
  where s.load_date >= date_sub(date(@cut), interval @max_skew_days day)
    and s.effective_at >= @cut
),

-- First one winner an instant, then equal neighbours collapsed, then the ends: in another order a
-- state that lasts no time would hide a change.
one_per_instant as (
  select
    product_hk, effective_at, hashdiff, is_deleted, name, category, list_price_micros, is_active
  from (select * from prior union all select * from changes)
  where true
  qualify row_number() over (
    partition by product_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

changed as (
  select
    product_hk, effective_at, hashdiff, is_deleted, name, category, list_price_micros, is_active
  from one_per_instant
  where true
  qualify ifnull(
    lag(hashdiff) over (partition by product_hk order by effective_at) <> hashdiff, true
  )
),

final as (
  select
    c.product_hk,
    ifnull(h.product_id, 'unknown') as product_id,
    c.effective_at as valid_from,
    ifnull(
      lead(c.effective_at) over (partition by c.product_hk order by c.effective_at),
      timestamp '9999-12-31 00:00:00+00'
    ) as valid_to,
    c.hashdiff,
    c.is_deleted,
    c.name,
    c.category,
    c.list_price_micros,
    c.is_active
  from changed as c
  left join vault.hub_product as h on h.product_hk = c.product_hk
)

select * from final
