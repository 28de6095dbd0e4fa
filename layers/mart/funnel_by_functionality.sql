/*
about        = "From looking at a product to paying for it: how many visits reach each part of the app, having been in all parts before it, by the day on which the visit began."
grain        = ["session_date", "functionality"]
build        = "partition"
partition_by = "session_date"
growth       = "fixed"
owner        = "commerce"

[reads."dimensional.dim_date"]
lookup = true

[columns]
session_date           = { type = "DATE",   required = true, about = "UTC date on which visits began." }
functionality          = { type = "STRING", required = true, about = "The part of the app." }
step_number            = { type = "INT64",  required = true, about = "1 catalogue: a product was looked at; 2 cart: one was put into it; 3 checkout: it was begun; 4 payments: one was asked for." }
session_count          = { type = "INT64",  required = true, about = "Visits that reached this step and all before it." }
user_count             = { type = "INT64",  required = true, about = "Users of those visits." }
previous_session_count = { type = "INT64",  required = true, about = "Visits that reached the step before; of the first step, all visits." }
is_final               = { type = "BOOL",   required = true, about = "Whether no late event can change the row any more." }

[[checks]]
name   = "no step is reached by more visits than the one before"
expect = "session_count <= previous_session_count"
*/
with

sessions as (
  select
    session_date, user_hk,
    case
      when product_view_count = 0 then 0
      when cart_addition_count = 0 then 1
      when checkout_count = 0 then 2
      when payment_count = 0 then 3
      else 4
    end as last_step_number
  from dimensional.fact_session
  where session_date between @from_date and @to_date
),

steps as (
  select 1 as step_number, 'catalogue' as functionality
  union all
  select 2, 'cart'
  union all
  select 3, 'checkout'
  union all
  select 4, 'payments'
),

final as (
  select
    s.session_date,
    t.functionality,
    t.step_number,
    countif(s.last_step_number >= t.step_number) as session_count,
    count(distinct if(s.last_step_number >= t.step_number, s.user_hk, null)) as user_count,
    countif(s.last_step_number >= t.step_number - 1) as previous_session_count,
    d.is_final
  from sessions as s
  cross join steps as t
  join dimensional.dim_date as d on d.calendar_date = s.session_date
  group by s.session_date, t.functionality, t.step_number, d.is_final
)

select * from final
