/*
about        = "Events of the app as a non-historized link: each event once, with the keys that it ties together and its own measures."
grain        = ["event_hk", "load_date"]
build        = "partition"
partition_by = "load_date"
growth       = "events"
cluster_by   = ["user_hk"]
owner        = "data-platform"

[columns]
load_date        = { type = "DATE",      required = true, about = "UTC date of publication." }
event_hk         = { type = "STRING",    required = true, about = "udf.hash_key(event_id)" }
user_hk          = { type = "STRING",    required = true, about = "Who did it." }
functionality_hk = { type = "STRING",    required = true, about = "The part of the app." }
session_hk       = { type = "STRING",    required = true, about = "The visit; the unknown member if the app did not say." }
device_hk        = { type = "STRING",    required = true, about = "The phone; the unknown member if the app did not say." }
product_hk       = { type = "STRING",    required = true, about = "The product that was seen or put into the cart; the unknown member if it was none." }
event_id         = { type = "STRING",    required = true, about = "As the phone sent it." }
event_name       = { type = "STRING",    required = true, about = "What happened." }
event_at         = { type = "TIMESTAMP", required = true, about = "When it happened." }
sequence         = { type = "INT64",     required = true, about = "The app's own counter on that device." }
session_id       = { type = "STRING",    about = "As the phone sent it." }
app_version      = { type = "STRING",    about = "Version of the app." }
os               = { type = "STRING",    about = "`android` or `ios`." }
country_code     = { type = "STRING",    about = "Where the phone was." }
order_id         = { type = "STRING",    about = "The order that was placed or paid." }
quantity         = { type = "INT64",     about = "How many of the product." }
amount_micros    = { type = "INT64",     about = "Amount in millionths of the currency." }
currency_code    = { type = "STRING",    about = "Currency of the amount." }
duration_ms      = { type = "INT64",     about = "How long it took, in milliseconds." }
record_source    = { type = "STRING",    required = true, about = "The source, and the functionality." }
*/
with

final as (
  select
    load_date,
    udf.hash_key(event_id) as event_hk,
    udf.hash_key(user_id) as user_hk,
    udf.hash_key(functionality) as functionality_hk,
    udf.key_or_unknown(session_id) as session_hk,
    udf.key_or_unknown(device_id) as device_hk,
    udf.key_or_unknown(product_id) as product_hk,
    event_id,
    event_name,
    event_at,
    sequence,
    session_id,
    app_version,
    os,
    country_code,
    order_id,
    quantity,
    amount_micros,
    currency_code,
    duration_ms,
    'mobile_events/' || functionality as record_source
  from standardized.mobile_events
  where load_date between @from_date and @to_date
)

select * from final
