/*
about        = "Every {{entity}}, with the day on which it was first seen."
grain        = ["{{entity}}_hk"]
build        = "full"
partition_by = "first_seen_date"
growth       = "entities"
cluster_by   = ["{{entity}}_hk"]
owner        = "me"

[columns]
{{dimension_columns}}
*/
with

final as (
  select
    {{entity}}_hk,
    {{key}},
    first_seen_at,
    date(first_seen_at) as first_seen_date
  from vault.hub_{{entity}}
)

select * from final
