create or replace view mart.loaded_days as
select distinct session_date from dimensional.fact_session;

begin transaction;

insert into lakebed.builds values (1, 'a run', 'built', 'mart.loaded_days', null, '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
