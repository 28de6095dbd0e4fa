-- Of a user one profile holds at an instant: key and instant determine it.
with profiles as (
  select user_hk, effective_at, plan
  from vault.sat_user_profile
  where true
  qualify row_number() over (
    partition by user_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

states as (
  select
    user_hk, effective_at, plan,
    lead(effective_at) over (partition by user_hk order by effective_at) as next_effective_at
  from profiles
),

contacts as (
  select distinct user_hk, effective_at from vault.sat_user_contact
),

joined as (
  select c.user_hk, c.effective_at, s.plan
  from contacts as c
  join states as s
    on s.user_hk = c.user_hk
    and s.effective_at <= c.effective_at
    and ifnull(s.next_effective_at > c.effective_at, true)
),

-- lakebed:allow LB038: an end that may be NULL; `states_with_an_end.sql` has none
outer_joined as (
  select j.user_hk, j.effective_at, j.plan, s.plan as same_plan
  from joined as j
  left join states as s
    on s.user_hk = j.user_hk
    and s.effective_at <= j.effective_at
    and ifnull(s.next_effective_at > j.effective_at, true)
)

select
  user_hk, effective_at, plan,
  lag(same_plan) over (partition by user_hk order by effective_at) as plan_before
from outer_joined
