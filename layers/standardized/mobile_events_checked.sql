/*
about        = "Every message of the app once, parsed and typed, with the reason if it is rejected. Row by row: nothing else is looked at."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["event_id"]
owner        = "data-platform"

[parameters]
max_lateness_days = "raw.mobile_events.max_lateness_days"
max_skew_days     = "raw.mobile_events.max_skew_days"

[columns]
load_date     = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id    = { type = "STRING",    required = true, about = "Given by the bus, kept by redelivery." }
published_at  = { type = "TIMESTAMP", required = true, about = "When the bus had the message." }
received_at   = { type = "TIMESTAMP", required = true, about = "When the gateway had it." }
event_id      = { type = "STRING",    about = "Given by the phone, kept when it sends again." }
event_name    = { type = "STRING",    about = "What happened." }
user_id       = { type = "STRING",    about = "Who did it." }
device_id     = { type = "STRING",    about = "The phone." }
session_id    = { type = "STRING",    about = "One visit to the app." }
sequence      = { type = "INT64",     about = "The app's own counter on that device." }
event_at      = { type = "TIMESTAMP", about = "When it happened: the phone's time, corrected by the error of the phone's clock." }
functionality = { type = "STRING",    about = "The part of the app." }
app_version   = { type = "STRING",    about = "Version of the app." }
os            = { type = "STRING",    about = "`android` or `ios`." }
country_code  = { type = "STRING",    about = "Where the phone was." }
product_id    = { type = "STRING",    about = "The product that was seen or put into the cart." }
order_id      = { type = "STRING",    about = "The order that was placed or paid." }
quantity      = { type = "INT64",     about = "How many of the product." }
amount_micros = { type = "INT64",     about = "Amount in millionths of the currency." }
currency_code = { type = "STRING",    about = "Currency of the amount." }
duration_ms   = { type = "INT64",     about = "How long it took, in milliseconds." }
reject_reason = { type = "STRING",    about = "Why it is rejected; NULL if it is valid.", accepted = ["not_utf8", "not_json", "missing_key", "wrong_type", "unknown_event", "too_late", "in_future"] }
*/
with

messages as (
  -- The bus delivers at least once: raw may hold copies of a message.
  select distinct load_date, message_id, published_at, received_at, attributes, payload
  from raw.mobile_events
  where load_date between @from_date and @to_date
),

parsed as (
  select
    load_date, message_id, published_at, received_at,
    udf.safe_timestamp(json_value(attributes, '$.sent_at')) as sent_at,
    udf.parse_mobile_events(payload) as event
  from messages
),

timed as (
  -- A phone's clock is wrong by the same amount when it notes an event and when it sends it.
  select
    load_date, message_id, published_at, received_at, event,
    timestamp_micros(
      unix_micros(event.occurred_at) + unix_micros(received_at)
      - unix_micros(ifnull(sent_at, received_at))
    ) as event_at
  from parsed
),

final as (
  select
    load_date,
    message_id,
    published_at,
    received_at,
    event.event_id as event_id,
    event.event_name as event_name,
    event.user_id as user_id,
    event.device_id as device_id,
    event.session_id as session_id,
    event.sequence as sequence,
    event_at,
    ifnull(event.functionality, 'unknown') as functionality,
    event.app_version as app_version,
    event.os as os,
    event.country_code as country_code,
    event.product_id as product_id,
    event.order_id as order_id,
    event.quantity as quantity,
    event.amount_micros as amount_micros,
    event.currency_code as currency_code,
    event.duration_ms as duration_ms,
    case
      when event.reject_reason is not null then event.reject_reason
      when event.event_name not in (
        'app_opened', 'cart_item_added', 'cart_item_removed', 'chat_opened', 'checkout_started',
        'feed_scrolled', 'message_sent', 'notification_opened', 'onboarding_completed',
        'order_failed', 'order_placed', 'payment_failed', 'payment_submitted', 'product_viewed',
        'profile_updated', 'profile_viewed', 'search_performed', 'search_result_opened',
        'signed_up'
      ) then 'unknown_event'
      when date(event_at) < date_sub(load_date, interval @max_lateness_days day) then 'too_late'
      when date(event_at) > date_add(load_date, interval @max_skew_days day) then 'in_future'
    end as reject_reason
  from timed
)

select * from final
