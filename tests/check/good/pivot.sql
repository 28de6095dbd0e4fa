with counts as (
  select record_source, first_load_date, count(*) as user_count
  from vault.hub_user
  group by record_source, first_load_date
)

select *
from counts
pivot (sum(user_count) for record_source in ('db_users', 'mobile_events/search'))
