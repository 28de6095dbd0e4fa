/*
about        = "{{source}} by the date on which they happened, a row an event."
grain        = ["event_id", "load_date"]
build        = "delta"
partition_by = "event_date"
window_by    = "load_date"
growth       = "events"
cluster_by   = ["{{entity}}_hk"]
owner        = "me"

[columns]
{{fact_columns}}
*/
with

final as (
  select
    date(effective_at) as event_date,
    load_date,
    {{entity}}_hk,
    event_id,
    effective_at as event_at,
    {{attributes}}
    record_source
  from vault.sat_{{satellite}}
  where load_date between @from_date and @to_date
)

select * from final
