/*
about        = "The app's events, each accepted once within the lookback."
grain        = ["event_id", "load_date"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["event_id"]
owner        = "data-platform"

# An event sent again may come as early as the greatest skew before its time and as late as the
# greatest lateness after it.
[parameters]
lookback_days = "raw.mobile_events.max_lateness_days + raw.mobile_events.max_skew_days"

[reads."standardized.mobile_events_checked"]
days_before = "lookback_days"

[columns]
load_date     = { type = "DATE",      required = true, about = "UTC date of publication." }
message_id    = { type = "STRING",    required = true, about = "The message that brought the event first." }
published_at  = { type = "TIMESTAMP", required = true, about = "When the bus had that message." }
event_id      = { type = "STRING",    required = true, about = "Given by the phone, kept when it sends again." }
event_name    = { type = "STRING",    required = true, about = "What happened." }
user_id       = { type = "STRING",    required = true, about = "Who did it." }
device_id     = { type = "STRING",    about = "The phone." }
session_id    = { type = "STRING",    about = "One visit to the app." }
sequence      = { type = "INT64",     required = true, about = "The app's own counter on that device." }
event_at      = { type = "TIMESTAMP", required = true, about = "When it happened." }
functionality = { type = "STRING",    required = true, about = "The part of the app; `unknown` if the phone did not say." }
app_version   = { type = "STRING",    about = "Version of the app." }
os            = { type = "STRING",    about = "`android` or `ios`." }
country_code  = { type = "STRING",    about = "Where the phone was." }
product_id    = { type = "STRING",    about = "The product that was seen or put into the cart." }
order_id      = { type = "STRING",    about = "The order that was placed or paid." }
quantity      = { type = "INT64",     about = "How many of the product." }
amount_micros = { type = "INT64",     about = "Amount in millionths of the currency." }
currency_code = { type = "STRING",    about = "Currency of the amount." }
duration_ms   = { type = "INT64",     about = "How long it took, in milliseconds." }
*/
with

valid_messages as (
  select event_id, load_date, published_at, message_id
  from standardized.mobile_events_checked
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
    c.load_date, c.message_id, c.published_at, c.event_id, c.event_name, c.user_id, c.device_id,
    c.session_id, c.sequence, c.event_at, c.functionality, c.app_version, c.os, c.country_code,
    c.product_id, c.order_id, c.quantity, c.amount_micros, c.currency_code, c.duration_ms
  from standardized.mobile_events_checked as c
  join accepted as a on a.load_date = c.load_date and a.message_id = c.message_id
  where c.load_date between @from_date and @to_date
)

select * from final
