/*
about        = "Users with the history of their profile (SCD2). Every user has a row from the beginning of time, inferred until the backend speaks; one member stands for unknown."
grain        = ["user_hk", "valid_from"]
build        = "history"
partition_by = "valid_from"
valid_to     = "valid_to"
cut          = [{ table = "vault.sat_user_profile", column = "effective_at" }]
growth       = "entities"
cluster_by   = ["user_hk"]
owner        = "analytics"

[parameters]
max_skew_days = "raw.db_users.max_skew_days"

[columns]
user_hk          = { type = "STRING",    required = true, about = "Hash key of the user." }
user_id          = { type = "STRING",    required = true, about = "Business key, or `unknown`." }
valid_from       = { type = "TIMESTAMP", required = true, about = "From when the row holds, included." }
valid_to         = { type = "TIMESTAMP", required = true, about = "Until when it holds, excluded." }
hashdiff         = { type = "STRING",    required = true, about = "Hash of the attributes; `inferred` before the backend speaks, `deleted` after a delete." }
is_deleted       = { type = "BOOL",      required = true, about = "Whether the user was deleted." }
signed_up_at     = { type = "TIMESTAMP", about = "When the user signed up; NULL if inferred or deleted." }
country_code     = { type = "STRING",    about = "Country of the account." }
plan             = { type = "STRING",    required = true, about = "The user's plan, or `unknown`." }
marketing_opt_in = { type = "BOOL",      about = "Whether the user wants advertising." }

[[checks]]
name   = "a row holds for some time"
expect = "valid_from < valid_to"
*/
with

touched as (
  select user_hk
  from vault.sat_user_profile
  where load_date between @from_date and @to_date
  union distinct
  select user_hk
  from vault.hub_user
  where first_load_date between @from_date and @to_date
  union distinct
  select udf.unknown_key()
),

prior as (
  -- The row that spans the cut, or, for a key without one, the inferred row.
  select
    t.user_hk,
    ifnull(d.valid_from, timestamp '0001-01-01 00:00:00+00') as effective_at,
    -1 as sequence,
    ifnull(d.hashdiff, 'inferred') as hashdiff,
    ifnull(d.is_deleted, false) as is_deleted,
    d.signed_up_at,
    d.country_code,
    ifnull(d.plan, 'unknown') as plan,
    d.marketing_opt_in
  from touched as t
  left join dimensional.dim_user as d
    on d.user_hk = t.user_hk and d.valid_from < @cut and d.valid_to >= @cut
),

changes as (
  -- Of all load dates on which a change at or after the cut can have come.
  select
    s.user_hk, s.effective_at, s.sequence, s.hashdiff, s.is_deleted, s.signed_up_at,
    s.country_code, ifnull(s.plan, 'unknown') as plan, s.marketing_opt_in
  from vault.sat_user_profile as s
  join touched as t on t.user_hk = s.user_hk
  where s.load_date >= date_sub(date(@cut), interval @max_skew_days day)
    and s.effective_at >= @cut
),

-- First one winner an instant, then equal neighbours collapsed, then the ends: in another order a
-- state that lasts no time would hide a change.
one_per_instant as (
  select
    user_hk, effective_at, hashdiff, is_deleted, signed_up_at, country_code, plan, marketing_opt_in
  from (select * from prior union all select * from changes)
  where true
  qualify row_number() over (
    partition by user_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

changed as (
  select
    user_hk, effective_at, hashdiff, is_deleted, signed_up_at, country_code, plan, marketing_opt_in
  from one_per_instant
  where true
  qualify ifnull(
    lag(hashdiff) over (partition by user_hk order by effective_at) <> hashdiff, true
  )
),

final as (
  select
    c.user_hk,
    ifnull(h.user_id, 'unknown') as user_id,
    c.effective_at as valid_from,
    ifnull(
      lead(c.effective_at) over (partition by c.user_hk order by c.effective_at),
      timestamp '9999-12-31 00:00:00+00'
    ) as valid_to,
    c.hashdiff,
    c.is_deleted,
    c.signed_up_at,
    c.country_code,
    c.plan,
    c.marketing_opt_in
  from changed as c
  left join vault.hub_user as h on h.user_hk = c.user_hk
)

select * from final
