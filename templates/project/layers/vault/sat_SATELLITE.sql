/*
about        = "What {{source}} say of a {{entity}}: a multi-active satellite with one row an event, which never changes."
grain        = ["load_date", "{{entity}}_hk", "event_id"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["{{entity}}_hk"]
owner        = "me"

[columns]
{{satellite_columns}}
*/
with

final as (
  select
    load_date,
    udf.hash_key({{key}}) as {{entity}}_hk,
    event_id,
    event_at as effective_at,
    {{attributes}}
    '{{source}}' as record_source
  from standardized.{{source}}
  where load_date between @from_date and @to_date
)

select * from final
