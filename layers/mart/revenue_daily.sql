/*
about        = "Revenue by the day on which it was booked, by country and currency, in that currency and in euros: what orders brought, and what payments did. An order that is cancelled or returned weeks later is booked on that later day."
grain        = ["revenue_date", "country_code", "currency_code"]
build        = "partition"
partition_by = "revenue_date"
growth       = "fixed"
owner        = "finance"

[reads."dimensional.fact_order_line"]
days_before = "0"

[reads."dimensional.fact_payment"]
days_before = "0"

[reads."dimensional.dim_exchange_rate"]
lookup = true

[reads."dimensional.dim_date"]
lookup = true

[columns]
revenue_date     = { type = "DATE",   required = true, about = "UTC date." }
country_code     = { type = "STRING", required = true, about = "Where orders go, or bills; `unknown` if nobody said." }
currency_code    = { type = "STRING", required = true, about = "Currency of the amounts, `XXX` if nobody said." }
order_count      = { type = "INT64",  required = true, about = "Orders that were placed, less those that were deleted." }
gross_micros     = { type = "INT64",  required = true, about = "Amounts of orders that were placed, shipping and discounts included." }
cancelled_micros = { type = "INT64",  required = true, about = "Amounts of orders that were cancelled." }
returned_micros  = { type = "INT64",  required = true, about = "Amounts of orders that were returned." }
net_micros       = { type = "INT64",  required = true, about = "Gross less cancelled less returned." }
captured_micros  = { type = "INT64",  required = true, about = "Payments that came in." }
refunded_micros  = { type = "INT64",  required = true, about = "Payments that were given back." }
gross_eur_micros = { type = "INT64",  about = "Gross in millionths of a euro, at the rate of the day; NULL if there is none." }
net_eur_micros   = { type = "INT64",  about = "Net in millionths of a euro, at the rate of the day; NULL if there is none." }
is_final         = { type = "BOOL",   required = true, about = "Whether as many days have passed as events may be late. A change in the database may come later still." }

[[checks]]
name   = "net is what is left of gross"
expect = "net_micros = gross_micros - cancelled_micros - returned_micros"
*/
with

booked as (
  select
    date(valid_from) as revenue_date, country_code, currency_code,
    order_count_change, gross_change_micros, cancelled_change_micros, returned_change_micros,
    0 as captured_change_micros, 0 as refunded_change_micros
  from dimensional.fact_order_line
  where valid_from >= cast(@from_date as TIMESTAMP)
    and valid_from < cast(date_add(@to_date, interval 1 day) as TIMESTAMP)
    and (order_count_change <> 0 or gross_change_micros <> 0 or cancelled_change_micros <> 0
      or returned_change_micros <> 0)
  union all
  select
    date(valid_from), country_code, currency_code,
    0, 0, 0, 0,
    captured_change_micros, refunded_change_micros
  from dimensional.fact_payment
  where valid_from >= cast(@from_date as TIMESTAMP)
    and valid_from < cast(date_add(@to_date, interval 1 day) as TIMESTAMP)
    and (captured_change_micros <> 0 or refunded_change_micros <> 0)
),

totals as (
  select
    revenue_date, country_code, currency_code,
    sum(order_count_change) as order_count,
    sum(gross_change_micros) as gross_micros,
    sum(cancelled_change_micros) as cancelled_micros,
    sum(returned_change_micros) as returned_micros,
    sum(gross_change_micros) - sum(cancelled_change_micros) - sum(returned_change_micros)
      as net_micros,
    sum(captured_change_micros) as captured_micros,
    sum(refunded_change_micros) as refunded_micros
  from booked
  group by revenue_date, country_code, currency_code
),

final as (
  select
    t.revenue_date,
    t.country_code,
    t.currency_code,
    t.order_count,
    t.gross_micros,
    t.cancelled_micros,
    t.returned_micros,
    t.net_micros,
    t.captured_micros,
    t.refunded_micros,
    udf.at_rate(t.gross_micros, r.rate_micros) as gross_eur_micros,
    udf.at_rate(t.net_micros, r.rate_micros) as net_eur_micros,
    -- The backend may tell of days before the calendar begins.
    ifnull(d.is_final, true) as is_final
  from totals as t
  left join dimensional.dim_date as d on d.calendar_date = t.revenue_date
  left join dimensional.dim_exchange_rate as r
    on r.rate_date = t.revenue_date and r.currency_code = t.currency_code
)

select * from final
