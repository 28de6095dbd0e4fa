-- What an analyst writes every day.
with

recent as (
  select e.event_date, e.user_hk, e.functionality_hk, e.event_hk, e.event_at, e.session_id,
    e.amount_micros, e.currency_code, e.order_id
  from dimensional.fact_event as e
  where e.event_date between date '2026-01-01' and date '2026-01-31'
),

numbered as (
  select
    user_hk,
    event_at,
    event_hk,
    row_number() over (partition by user_hk order by event_at, event_hk) as event_number,
    lag(event_at) over (partition by user_hk order by event_at, event_hk) as earlier_at,
    lead(event_at, 1, timestamp '9999-12-31 00:00:00+00') over w as later_at,
    last_value(session_id ignore nulls) over (
      partition by user_hk order by event_at, event_hk
      rows between unbounded preceding and current row
    ) as session_id,
    count(*) over (partition by user_hk) as event_count
  from recent
  window w as (partition by user_hk order by event_at, event_hk)
),

sessions as (
  select
    user_hk,
    event_hk,
    event_at,
    event_count,
    countif(earlier_at is null or udf.seconds_between(earlier_at, event_at) > 1800) over (
      partition by user_hk order by event_at, event_hk
      rows between unbounded preceding and current row
    ) as session_number,
    case when event_number = 1 then 'first' when event_number = 2 then 'second' else 'later' end
      as ordinal_name
  from numbered
),

first_events as (
  select user_hk, event_at as first_at
  from numbered
  where event_number = 1
),

per_user as (
  select
    s.user_hk,
    min(f.first_at) as first_at,
    max(s.session_number) as session_count,
    count(distinct date(s.event_at)) as day_count,
    sum(if(s.ordinal_name = 'first', 1, 0)) as first_count,
    string_agg(distinct s.ordinal_name, ',' order by s.ordinal_name) as ordinal_names,
    any_value(s.user_hk) as same_key,
    logical_or(s.event_count > 10) as is_active,
    safe_divide(sum(s.event_count), count(*)) as share
  from sessions as s
  join first_events as f using (user_hk)
  group by s.user_hk
  having count(*) > 0
),

purchases as (
  select
    udf.week_start(event_date) as week_start,
    currency_code,
    sum(amount_micros) as amount_micros,
    count(distinct order_id) as order_count
  from recent
  where order_id is not null and amount_micros between 0 and 1000000000
  group by week_start, currency_code
),

with_total as (
  select week_start, currency_code, sum(amount_micros) as amount_micros,
    grouping(currency_code) as is_total
  from purchases
  group by rollup (week_start, currency_code)
),

ranges as (
  select a.week_start, count(*) as weeks_before
  from purchases as a
  join purchases as b
    on b.week_start between date_sub(a.week_start, interval 4 week) and a.week_start
  group by a.week_start
),

countdown as (
  select 3 as n
)

select
  p.user_hk,
  p.first_at,
  p.session_count,
  p.day_count,
  coalesce(p.ordinal_names, 'none') as ordinal_names,
  extract(year from p.first_at) as first_year,
  format_date('%Y-%m', date(p.first_at)) as first_month,
  p.share,
  (select count(*) from with_total as t where t.is_total = 1) as total_count,
  exists (select 1 from ranges as r where r.weeks_before > p.session_count) as has_long_range
from per_user as p
left join countdown as c on c.n = p.first_count
where p.is_active is not false
  and p.user_hk not in (select u.user_hk from vault.hub_user as u where u.record_source = 'x')
order by p.first_at desc, p.user_hk
limit 100
