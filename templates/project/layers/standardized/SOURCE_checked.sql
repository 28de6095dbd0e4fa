/*
about        = "Every message of {{source}} once, parsed and typed, with the reason if it is rejected. Row by row: nothing else is looked at."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["event_id"]
owner        = "me"

[parameters]
max_lateness_days = "raw.{{source}}.max_lateness_days"
max_skew_days     = "raw.{{source}}.max_skew_days"

[columns]
{{checked_columns}}
*/
with

messages as (
  -- The bus delivers at least once: raw may hold copies of a message.
  select distinct load_date, message_id, published_at, payload
  from raw.{{source}}
  where load_date between @from_date and @to_date
),

parsed as (
  select
    load_date,
    message_id,
    published_at,
    udf.safe_string(payload) as body,
    udf.parse_{{source}}(payload) as event
  from messages
),

final as (
  select
    load_date,
    message_id,
    published_at,
    udf.hash_json(body) as payload_hash,
    {{checked_expressions}},
    case
      {{odd_rejections}}when event.reject_reason is not null then event.reject_reason
      when date({{event_time}}) < date_sub(load_date, interval @max_lateness_days day)
        then 'too_late'
      when date({{event_time}}) > date_add(load_date, interval @max_skew_days day)
        then 'in_future'
    end as reject_reason
  from parsed
)

select * from final
