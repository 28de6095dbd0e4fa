/*
about        = "Events of the app by the date on which they happened."
grain        = ["event_hk", "load_date"]
build        = "delta"
partition_by = "event_date"
window_by    = "load_date"
growth       = "events"
cluster_by   = ["user_hk"]
owner        = "analytics"

[columns]
event_date       = { type = "DATE",      required = true, about = "UTC date on which it happened." }
load_date        = { type = "DATE",      required = true, about = "UTC date on which it was published." }
event_hk         = { type = "STRING",    required = true, about = "The event." }
user_hk          = { type = "STRING",    required = true, about = "Who did it; every one is in dim_user." }
functionality_hk = { type = "STRING",    required = true, about = "The part of the app; every one is in dim_functionality." }
session_hk       = { type = "STRING",    required = true, about = "The visit; the unknown member if the app did not say." }
device_hk        = { type = "STRING",    required = true, about = "The phone; every one is in dim_device." }
product_hk       = { type = "STRING",    required = true, about = "The product; the unknown member if the event is about none. Every one is in dim_product." }
event_name       = { type = "STRING",    required = true, about = "What happened." }
event_at         = { type = "TIMESTAMP", required = true, about = "When it happened." }
session_id       = { type = "STRING",    about = "One visit to the app." }
app_version      = { type = "STRING",    about = "Version of the app." }
os               = { type = "STRING",    about = "`android` or `ios`." }
country_code     = { type = "STRING",    about = "Where the phone was." }
order_id         = { type = "STRING",    about = "The order that was placed or paid." }
quantity         = { type = "INT64",     about = "How many of the product." }
amount_micros    = { type = "INT64",     about = "Amount in millionths of the currency." }
currency_code    = { type = "STRING",    about = "Currency of the amount." }
duration_ms      = { type = "INT64",     about = "How long it took, in milliseconds." }
*/
with

final as (
  select
    date(event_at) as event_date,
    load_date,
    event_hk,
    user_hk,
    functionality_hk,
    session_hk,
    device_hk,
    product_hk,
    event_name,
    event_at,
    session_id,
    app_version,
    os,
    country_code,
    order_id,
    quantity,
    amount_micros,
    currency_code,
    duration_ms
  from vault.nhl_mobile_event
  where load_date between @from_date and @to_date
)

select * from final
