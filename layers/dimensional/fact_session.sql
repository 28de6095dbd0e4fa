/*
about        = "Visits to the app, by the date on which they began. A visit that goes on after midnight is one; what a third day has of it counts to the second."
grain        = ["session_date", "session_hk", "user_hk"]
build        = "partition"
partition_by = "session_date"
growth       = "events"
cluster_by   = ["user_hk"]
owner        = "analytics"

# Whether a visit began the day before, and how it ended the day after.
[reads."dimensional.fact_event"]
days_before = "1"
days_after  = "1"

[columns]
session_date        = { type = "DATE",      required = true, about = "UTC date on which it began." }
session_hk          = { type = "STRING",    required = true, about = "The visit." }
user_hk             = { type = "STRING",    required = true, about = "Who." }
session_id          = { type = "STRING",    required = true, about = "As the phone sent it." }
started_at          = { type = "TIMESTAMP", required = true, about = "Time of its first event." }
ended_at            = { type = "TIMESTAMP", required = true, about = "Time of its last event." }
event_count         = { type = "INT64",     required = true, about = "Its events." }
product_view_count  = { type = "INT64",     required = true, about = "Products that were looked at." }
cart_addition_count = { type = "INT64",     required = true, about = "Products that were put into the cart." }
checkout_count      = { type = "INT64",     required = true, about = "Checkouts that were begun." }
order_count         = { type = "INT64",     required = true, about = "Orders that were placed." }
payment_count       = { type = "INT64",     required = true, about = "Payments that were asked for." }
*/
with

events as (
  select event_date, session_hk, user_hk, session_id, event_name, event_at
  from dimensional.fact_event
  where event_date between date_sub(@from_date, interval 1 day)
    and date_add(@to_date, interval 1 day)
    and session_hk <> udf.unknown_key()
),

session_days as (
  select distinct event_date, session_hk, user_hk from events
),

placed as (
  -- An event counts to the day before if the visit had an event then.
  select
    ifnull(d.event_date, e.event_date) as session_date,
    e.session_hk, e.user_hk, e.session_id, e.event_name, e.event_at
  from events as e
  left join session_days as d
    on d.session_hk = e.session_hk
    and d.user_hk = e.user_hk
    and d.event_date = date_sub(e.event_date, interval 1 day)
),

final as (
  select
    session_date,
    session_hk,
    user_hk,
    session_id,
    min(event_at) as started_at,
    max(event_at) as ended_at,
    count(*) as event_count,
    countif(event_name = 'product_viewed') as product_view_count,
    countif(event_name = 'cart_item_added') as cart_addition_count,
    countif(event_name = 'checkout_started') as checkout_count,
    countif(event_name = 'order_placed') as order_count,
    countif(event_name = 'payment_submitted') as payment_count
  from placed
  where session_date between @from_date and @to_date
  group by session_date, session_hk, user_hk, session_id
)

select * from final
