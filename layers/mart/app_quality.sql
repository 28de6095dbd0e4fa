/*
about        = "How well each version of the app works, by day: what it sent, how late, and how much of it could not be used."
grain        = ["activity_date", "app_version"]
build        = "partition"
partition_by = "activity_date"
growth       = "fixed"
owner        = "mobile"

[reads."dimensional.dim_date"]
lookup = true

[columns]
activity_date         = { type = "DATE",   required = true, about = "UTC date on which events happened, or rejected messages came." }
app_version           = { type = "STRING", required = true, about = "Version of the app, or `unknown`." }
event_count           = { type = "INT64",  required = true, about = "Events." }
user_count            = { type = "INT64",  required = true, about = "Users who had one." }
late_event_count      = { type = "INT64",  required = true, arrival = true, about = "Events that came on a later day." }
order_failed_count    = { type = "INT64",  required = true, about = "Orders that the backend did not take." }
payment_failed_count  = { type = "INT64",  required = true, about = "Payments that failed." }
rejected_count        = { type = "INT64",  required = true, about = "Messages of the app that could not be used." }
missing_key_count     = { type = "INT64",  required = true, about = "Those of them that lack a required field." }
wrong_type_count      = { type = "INT64",  required = true, about = "Those of them with a field of another type." }
unknown_event_count   = { type = "INT64",  required = true, about = "Those of them with an event that nobody knows." }
outside_of_time_count = { type = "INT64",  required = true, about = "Those of them that came too late, or from the future." }
is_final              = { type = "BOOL",   required = true, about = "Whether no late event can change the row any more." }
*/
with

events as (
  select
    event_date as activity_date,
    ifnull(nullif(app_version, ''), 'unknown') as app_version,
    count(*) as event_count,
    count(distinct user_hk) as user_count,
    countif(load_date > event_date) as late_event_count,
    countif(event_name = 'order_failed') as order_failed_count,
    countif(event_name = 'payment_failed') as payment_failed_count
  from dimensional.fact_event
  where event_date between @from_date and @to_date
  group by event_date, ifnull(nullif(app_version, ''), 'unknown')
),

rejections as (
  select
    rejection_date as activity_date,
    app_version,
    count(*) as rejected_count,
    countif(reject_reason = 'missing_key') as missing_key_count,
    countif(reject_reason = 'wrong_type') as wrong_type_count,
    countif(reject_reason = 'unknown_event') as unknown_event_count,
    countif(reject_reason in ('too_late', 'in_future')) as outside_of_time_count
  from dimensional.fact_rejection
  where rejection_date between @from_date and @to_date
    and source = 'mobile_events'
  group by rejection_date, app_version
),

versions as (
  select activity_date, app_version from events
  union distinct
  select activity_date, app_version from rejections
),

final as (
  select
    v.activity_date,
    v.app_version,
    ifnull(e.event_count, 0) as event_count,
    ifnull(e.user_count, 0) as user_count,
    ifnull(e.late_event_count, 0) as late_event_count,
    ifnull(e.order_failed_count, 0) as order_failed_count,
    ifnull(e.payment_failed_count, 0) as payment_failed_count,
    ifnull(r.rejected_count, 0) as rejected_count,
    ifnull(r.missing_key_count, 0) as missing_key_count,
    ifnull(r.wrong_type_count, 0) as wrong_type_count,
    ifnull(r.unknown_event_count, 0) as unknown_event_count,
    ifnull(r.outside_of_time_count, 0) as outside_of_time_count,
    d.is_final
  from versions as v
  join dimensional.dim_date as d on d.calendar_date = v.activity_date
  left join events as e
    on e.activity_date = v.activity_date and e.app_version = v.app_version
  left join rejections as r
    on r.activity_date = v.activity_date and r.app_version = v.app_version
)

select * from final
