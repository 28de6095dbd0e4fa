-- Joins that compare each row with each.
with users as (
  select user_hk, first_seen_at, first_load_date from vault.hub_user
),

profiles as (
  select
    user_hk, effective_at, plan,
    lead(effective_at) over (partition by user_hk order by effective_at, hashdiff) as ended_at
  from vault.sat_user_profile
),

kept_side as (
  select u.user_hk, p.plan
  from users as u
  left join profiles as p
    on p.user_hk = u.user_hk and u.first_load_date > date '2026-01-05'
),

no_plain_end as (
  select u.user_hk, p.plan
  from users as u
  full join profiles as p
    on p.user_hk = u.user_hk
    and p.effective_at <= u.first_seen_at
    and (p.ended_at > u.first_seen_at or p.ended_at is null)
),

no_key as (
  select u.user_hk, p.plan
  from users as u
  join profiles as p on starts_with(u.user_hk, p.user_hk)
)

select user_hk, plan from kept_side
union all
select user_hk, plan from no_plain_end
union all
select user_hk, plan from no_key
