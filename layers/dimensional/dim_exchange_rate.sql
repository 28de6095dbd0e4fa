/*
about        = "What a unit of a currency is worth in euros, for every day: the last rate on or before it. A currency has no row before its first rate."
grain        = ["rate_date", "currency_code"]
build        = "full"
partition_by = "rate_date"
growth       = "fixed"
owner        = "finance"

[columns]
rate_date     = { type = "DATE",   required = true, about = "The day." }
currency_code = { type = "STRING", required = true, about = "ISO 4217." }
rate_micros   = { type = "INT64",  required = true, about = "Millionths of a euro for one unit of the currency." }
*/
with

rates as (
  select
    rate_date, currency_code, rate_micros,
    ifnull(
      lead(rate_date) over (partition by currency_code order by rate_date), date '9999-12-31'
    ) as next_rate_date
  from seed.exchange_rates
),

final as (
  select d.calendar_date as rate_date, r.currency_code, r.rate_micros
  from dimensional.dim_date as d
  join rates as r
    on r.rate_date <= d.calendar_date
    and r.next_rate_date > d.calendar_date
)

select * from final
