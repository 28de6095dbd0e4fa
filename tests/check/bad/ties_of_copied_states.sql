-- A state that stands once for each contact is several rows at an instant.
with profiles as (
  select user_hk, effective_at
  from vault.sat_user_profile
  where true
  qualify row_number() over (
    partition by user_hk, effective_at order by sequence desc, hashdiff desc
  ) = 1
),

states as (
  select
    user_hk, effective_at,
    lead(effective_at) over (partition by user_hk order by effective_at) as next_effective_at
  from profiles
),

copied as (
  select s.user_hk, s.effective_at, s.next_effective_at, c.load_date
  from states as s
  join vault.sat_user_contact as c on c.user_hk = s.user_hk
),

instants as (
  select distinct user_hk, effective_at from vault.sat_user_contact
),

joined as (
  select i.user_hk, i.effective_at, c.load_date
  from instants as i
  join copied as c
    on c.user_hk = i.user_hk
    and c.effective_at <= i.effective_at
    and ifnull(c.next_effective_at > i.effective_at, true)
)

select user_hk, lag(load_date) over (partition by user_hk order by effective_at) as x
from joined
