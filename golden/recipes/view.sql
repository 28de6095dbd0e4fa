create or replace view mart.loaded_days as
select distinct session_date from dimensional.fact_session;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

insert into lakebed.builds values (1, 'a run', 'built', 'mart.loaded_days', null, '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
