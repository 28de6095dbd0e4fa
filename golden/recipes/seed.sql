create or replace temp table new_rows (
…;

insert into new_rows (country_code, name, region)
…;

select cast(null as date), cast(sum(cast(hash(country_code, name, region) as hugeint)) as varchar), count(*), countif((country_code is not null) is not true), countif((name is not null) is not true), countif((region is not null) is not true), countif((region is null or region in ('Africa', 'Antarctica', 'Asia', 'Europe', 'North America', 'Oceania', 'South America')) is not true), (select count(*) from (select country_code from new_rows group by country_code having count(*) > 1)) from new_rows group by 1;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

delete from seed.countries where true;

insert into seed.countries (country_code, name, region)
select country_code, name, region from new_rows;

insert into lakebed.builds values (1, 'a run', 'built', 'seed.countries', null, '…', null, '…', '…', '', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
