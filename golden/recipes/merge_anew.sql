create or replace temp table new_rows as
…;

select cast(null as date), count(*), countif((product_hk is not null) is not true), countif((product_id is not null) is not true), countif((first_seen_at is not null) is not true), countif((record_source is not null) is not true), countif((first_load_date is not null) is not true), (select count(*) from (select product_hk from new_rows group by product_hk having count(*) > 1)) from new_rows group by 1;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

delete from vault.hub_product where true;

merge into vault.hub_product as target
using new_rows as source
on target.product_hk = source.product_hk
when matched and ((source.first_seen_at < target.first_seen_at or (source.first_seen_at = target.first_seen_at and (source.record_source < target.record_source))) or source.first_load_date < target.first_load_date) then update set
    product_id = case when source.first_seen_at < target.first_seen_at or (source.first_seen_at = target.first_seen_at and (source.record_source < target.record_source)) then source.product_id else target.product_id end,
    first_seen_at = case when source.first_seen_at < target.first_seen_at or (source.first_seen_at = target.first_seen_at and (source.record_source < target.record_source)) then source.first_seen_at else target.first_seen_at end,
    record_source = case when source.first_seen_at < target.first_seen_at or (source.first_seen_at = target.first_seen_at and (source.record_source < target.record_source)) then source.record_source else target.record_source end,
    first_load_date = case when source.first_load_date < target.first_load_date then source.first_load_date else target.first_load_date end
when not matched then insert (product_hk, product_id, first_seen_at, record_source, first_load_date) values (source.product_hk, source.product_id, source.first_seen_at, source.record_source, source.first_load_date);

insert into lakebed.builds values (1, 'a run', 'reset', 'vault.hub_product', null, null, null, null, null, null, timestamp '2026-01-05 00:00:00.000000');

insert into lakebed.builds values (2, 'a run', 'built', 'vault.hub_product', date '2026-01-05', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000'), (2, 'a run', 'built', 'vault.hub_product', date '2026-01-06', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

insert into lakebed.contents values (2, 'vault.hub_product', date '2026-01-05', '11770220889030072057', 1), (2, 'vault.hub_product', date '2026-01-06', '11770220889030072057', 1);

commit transaction;
