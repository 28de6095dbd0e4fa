/*
about        = "{{source}} by day and {{category}}."
grain        = ["event_date", "{{category}}"]
build        = "partition"
partition_by = "event_date"
growth       = "fixed"
owner        = "me"

[columns]
{{category_columns}}
*/
with

events as (
  select event_date, ifnull({{category}}, 'unknown') as {{category}}, {{entity}}_hk
  from dimensional.fact_{{source}}
  where event_date between @from_date and @to_date
),

final as (
  select
    event_date,
    {{category}},
    count(*) as event_count,
    count(distinct {{entity}}_hk) as active_{{entity}}_count
  from events
  group by event_date, {{category}}
)

select * from final
