/*
about      = "Every {{entity}} that any source has ever told of, once."
grain      = ["{{entity}}_hk"]
build      = "merge"
order_by   = ["first_seen_at", "record_source"] # the winner among rows of one key
least      = ["first_load_date"]                # kept apart from the winner
growth     = "entities"
cluster_by = ["{{entity}}_hk"]
owner      = "me"

[columns]
{{hub_columns}}
*/
with

told as (
  -- Valid messages, not accepted rows: these only ever grow, and so merges in any order agree.
  select {{key}}, event_at as seen_at, '{{source}}' as record_source, load_date
  from standardized.{{source}}_checked
  where load_date between @from_date and @to_date
    and reject_reason is null
),

with_first_load as (
  select
    {{key}}, seen_at, record_source,
    min(load_date) over (partition by {{key}}) as first_load_date
  from told
),

final as (
  select
    udf.hash_key({{key}}) as {{entity}}_hk,
    {{key}},
    seen_at as first_seen_at,
    record_source,
    first_load_date
  from with_first_load
  where true
  qualify row_number() over (partition by {{key}} order by seen_at, record_source) = 1
)

select * from final
