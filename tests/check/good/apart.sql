-- What is before a day and what is not have no row in common, nor have line 0 and those after it.
with days as (
  select user_hk, load_date, hashdiff, 0 as line_number
  from vault.sat_user_contact
  where load_date < date '2026-01-05'
  qualify row_number() over (partition by user_hk, load_date order by hashdiff) = 1
  union all
  select user_hk, load_date, hashdiff, 0
  from vault.sat_user_contact
  where load_date >= date '2026-01-05'
  qualify row_number() over (partition by user_hk, load_date order by hashdiff) = 1
),

lines as (
  select user_hk, load_date, hashdiff, line_number from days
  union all
  select order_hk, load_date, hashdiff, line_number
  from vault.sat_order_line
  where line_number >= 1
  qualify row_number() over (partition by order_hk, load_date, line_number order by hashdiff) = 1
)

select
  user_hk, load_date, line_number,
  lag(hashdiff) over (partition by user_hk order by load_date, line_number) as before
from lines
