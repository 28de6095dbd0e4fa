with recursive

dates as (
  select date '2026-01-01' as calendar_date
  union all
  select date_add(calendar_date, interval 1 day) from dates where calendar_date < date '2026-01-31'
),

months as (
  select udf.month_start(calendar_date) as month_start, count(*) as day_count
  from dates
  group by month_start
)

select month_start, day_count from months
union distinct
select last_day(month_start), day_count from months
except distinct
(select date '2026-02-01', 0)
