create or replace temp table new_rows as
…;

select cast(session_date as date), cast(sum(cast(hash(session_date, session_hk, user_hk, session_id, started_at, ended_at, cast(event_count as bigint), cast(product_view_count as bigint), cast(cart_addition_count as bigint), cast(checkout_count as bigint), cast(order_count as bigint), cast(payment_count as bigint)) as hugeint)) as varchar), count(*), countif((session_date between date '2026-01-05' and date '2026-01-06') is not true), countif((session_date is not null) is not true), countif((session_hk is not null) is not true), countif((user_hk is not null) is not true), countif((session_id is not null) is not true), countif((started_at is not null) is not true), countif((ended_at is not null) is not true), countif((event_count is not null) is not true), countif((product_view_count is not null) is not true), countif((cart_addition_count is not null) is not true), countif((checkout_count is not null) is not true), countif((order_count is not null) is not true), countif((payment_count is not null) is not true), (select count(*) from (select session_date, session_hk, user_hk from new_rows group by session_date, session_hk, user_hk having count(*) > 1)) from new_rows group by 1;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

delete from dimensional.fact_session where session_date between date '2026-01-05' and date '2026-01-06';

insert into dimensional.fact_session (session_date, session_hk, user_hk, session_id, started_at, ended_at, event_count, product_view_count, cart_addition_count, checkout_count, order_count, payment_count)
select session_date, session_hk, user_hk, session_id, started_at, ended_at, event_count, product_view_count, cart_addition_count, checkout_count, order_count, payment_count from new_rows;

insert into lakebed.builds values (1, 'a run', 'built', 'dimensional.fact_session', date '2026-01-05', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000'), (1, 'a run', 'built', 'dimensional.fact_session', date '2026-01-06', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
