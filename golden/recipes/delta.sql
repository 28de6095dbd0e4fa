create or replace temp table new_rows as
…;

select cast(event_date as date), cast(load_date as date), cast(sum(cast(hash(event_date, load_date, event_hk, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at, session_id, app_version, os, country_code, order_id, cast(quantity as bigint), cast(amount_micros as bigint), currency_code, cast(duration_ms as bigint)) as hugeint)) as varchar), count(*), countif((load_date between date '2026-01-05' and date '2026-01-06') is not true), countif((event_date is not null) is not true), countif((load_date is not null) is not true), countif((event_hk is not null) is not true), countif((user_hk is not null) is not true), countif((functionality_hk is not null) is not true), countif((session_hk is not null) is not true), countif((device_hk is not null) is not true), countif((product_hk is not null) is not true), countif((event_name is not null) is not true), countif((event_at is not null) is not true), (select count(*) from (select event_hk, load_date from new_rows group by event_hk, load_date having count(*) > 1)) from new_rows group by 1, 2;

select cast(event_date as date), cast(sum(cast(hash(event_date, load_date, event_hk, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at, session_id, app_version, os, country_code, order_id, cast(quantity as bigint), cast(amount_micros as bigint), currency_code, cast(duration_ms as bigint)) as hugeint)) as varchar), count(*) from dimensional.fact_event where load_date between date '2026-01-05' and date '2026-01-06' and event_date between date '2026-01-05' and date '2026-01-06' group by 1;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

delete from dimensional.fact_event where load_date between date '2026-01-05' and date '2026-01-06' and event_date between date '2026-01-05' and date '2026-01-06';

insert into dimensional.fact_event (event_date, load_date, event_hk, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at, session_id, app_version, os, country_code, order_id, quantity, amount_micros, currency_code, duration_ms)
select event_date, load_date, event_hk, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at, session_id, app_version, os, country_code, order_id, quantity, amount_micros, currency_code, duration_ms from new_rows;

insert into lakebed.builds values (1, 'a run', 'built', 'dimensional.fact_event', date '2026-01-05', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000'), (1, 'a run', 'built', 'dimensional.fact_event', date '2026-01-06', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
