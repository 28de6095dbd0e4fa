-- Joins that find their rows by comparing, and what filters the side that may be missing.
with users as (
  select user_hk, first_seen_at, first_load_date from vault.hub_user
),

profiles as (
  select user_hk, effective_at, plan from vault.sat_user_profile
),

by_key as (
  select u.user_hk, p.plan
  from users as u
  left join profiles as p
    on p.user_hk = u.user_hk
    and p.effective_at between u.first_seen_at and timestamp_add(u.first_seen_at, interval 1 hour)
    and ifnull(p.plan <> 'free', true)
),

filtered_after as (
  select u.user_hk, p.plan
  from users as u
  join profiles as p
    on p.user_hk = u.user_hk
    and (p.effective_at > u.first_seen_at or p.plan is null)
    and u.first_load_date > date '2026-01-05'
),

-- lakebed:allow LB038: there are four prefixes
small as (
  select u.user_hk, p.plan
  from users as u
  join profiles as p on starts_with(u.user_hk, p.user_hk)
)

select user_hk, plan from by_key
union all
select user_hk, plan from filtered_after
union all
select user_hk, plan from small
