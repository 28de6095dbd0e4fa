/*
about        = "{{source}} by day: how many events, of how many, and how many seen for the first time."
grain        = ["event_date"]
build        = "partition"
partition_by = "event_date"
growth       = "fixed"
owner        = "me"

[reads."dimensional.dim_{{entity}}"]
lookup = true

[columns]
{{day_columns}}
*/
with

events as (
  select event_date, {{entity}}_hk{{measure_inputs}}
  from dimensional.fact_{{source}}
  where event_date between @from_date and @to_date
),

first_seen as (
  select first_seen_date, {{entity}}_hk
  from dimensional.dim_{{entity}}
  where first_seen_date between @from_date and @to_date
),

final as (
  select
    e.event_date,
    count(*) as event_count,
    count(distinct e.{{entity}}_hk) as active_{{entity}}_count,
    count(distinct f.{{entity}}_hk) as new_{{entity}}_count{{measure_outputs}}
  from events as e
  left join first_seen as f
    on f.{{entity}}_hk = e.{{entity}}_hk and f.first_seen_date = e.event_date
  group by e.event_date
)

select * from final
