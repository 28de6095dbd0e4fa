with parsed as (
  select udf.parse_mobile_events(payload) as event
  from raw.mobile_events
  where load_date = date '2026-01-05'
)
select event.event_nam from parsed
