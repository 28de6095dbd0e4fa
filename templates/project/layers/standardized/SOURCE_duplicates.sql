/*
about        = "Valid messages of {{source}} whose event an earlier valid message brought within the lookback, with that message."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["event_id"]
owner        = "me"

[parameters]
lookback_days = "raw.{{source}}.max_lateness_days + raw.{{source}}.max_skew_days"

[reads."standardized.{{source}}_checked"]
days_before = "lookback_days"

[columns]
load_date          = { type = "DATE",   required = true, about = "UTC date of publication." }
message_id         = { type = "STRING", required = true, about = "The message that was dropped." }
event_id           = { type = "STRING", required = true, about = "The event that it brought again." }
earlier_load_date  = { type = "DATE",   required = true, about = "Load date of the message before it." }
earlier_message_id = { type = "STRING", required = true, about = "The message that brought the event before." }
has_other_content  = { type = "BOOL",   required = true, about = "Whether its payload is not that message's: perhaps it is another event under the same id." }
*/
with

valid_messages as (
  select event_id, load_date, published_at, message_id, payload_hash
  from standardized.{{source}}_checked
  where load_date between date_sub(@from_date, interval @lookback_days day) and @to_date
    and reject_reason is null
),

with_earlier as (
  select
    load_date, message_id, event_id, payload_hash,
    lag(load_date) over (
      partition by event_id order by load_date, published_at, message_id
    ) as earlier_load_date,
    lag(message_id) over (
      partition by event_id order by load_date, published_at, message_id
    ) as earlier_message_id,
    lag(payload_hash) over (
      partition by event_id order by load_date, published_at, message_id
    ) as earlier_payload_hash
  from valid_messages
),

final as (
  select
    load_date, message_id, event_id, earlier_load_date, earlier_message_id,
    payload_hash != earlier_payload_hash as has_other_content
  from with_earlier
  where load_date between @from_date and @to_date
    and earlier_load_date >= date_sub(load_date, interval @lookback_days day)
)

select * from final
