/*
about        = "{{source}}, each event accepted once within the lookback."
grain        = ["event_id", "load_date"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["event_id"]
owner        = "me"

# An event sent again may come as early as the greatest skew before its time and as late as the
# greatest lateness after it.
[parameters]
lookback_days = "raw.{{source}}.max_lateness_days + raw.{{source}}.max_skew_days"

[reads."standardized.{{source}}_checked"]
days_before = "lookback_days"

[columns]
{{accepted_columns}}
*/
with

valid_messages as (
  select event_id, load_date, published_at, message_id
  from standardized.{{source}}_checked
  where load_date between date_sub(@from_date, interval @lookback_days day) and @to_date
    and reject_reason is null
),

with_earlier as (
  -- An earlier valid message, not an earlier accepted row: whether that one was accepted says
  -- nothing of this one. The immediate predecessor is the latest that can lie in the lookback.
  select
    load_date, message_id,
    lag(load_date) over (
      partition by event_id order by load_date, published_at, message_id
    ) as earlier_load_date
  from valid_messages
),

accepted as (
  select load_date, message_id
  from with_earlier
  where load_date between @from_date and @to_date
    and (
      earlier_load_date is null
      or earlier_load_date < date_sub(load_date, interval @lookback_days day)
    )
),

final as (
  select
    c.load_date,
    c.message_id,
    c.published_at,
    {{payload_columns_of_c}}
  from standardized.{{source}}_checked as c
  join accepted as a on a.load_date = c.load_date and a.message_id = c.message_id
  where c.load_date between @from_date and @to_date
)

select * from final
