create or replace temp table new_rows as
…;

select cast(valid_from as date), cast(sum(cast(hash(product_hk, product_id, valid_from, hashdiff, is_deleted, name, category, cast(list_price_micros as bigint), is_active) as hugeint)) as varchar), count(*), countif((product_hk is not null) is not true), countif((product_id is not null) is not true), countif((valid_from is not null) is not true), countif((valid_to is not null) is not true), countif((hashdiff is not null) is not true), countif((is_deleted is not null) is not true), countif((name is not null) is not true), countif((category is not null) is not true), countif((valid_from < valid_to) is not true), (select count(*) from (select product_hk, valid_from from new_rows group by product_hk, valid_from having count(*) > 1)) from new_rows group by 1;

select cast(valid_from as date), cast(sum(cast(hash(product_hk, product_id, valid_from, hashdiff, is_deleted, name, category, cast(list_price_micros as bigint), is_active) as hugeint)) as varchar), count(*) from dimensional.dim_product where product_hk in (select product_hk from new_rows) and valid_to >= timestamp '2026-01-05 00:00:00.000000+00' group by 1;

begin transaction;

select case when count(*) > 0 then error('a later run has claimed the journal') end as fence
from lakebed.claims where epoch > 3 or (epoch = 3 and run_id > 'a run');

delete from dimensional.dim_product where product_hk in (select product_hk from new_rows) and valid_to >= timestamp '2026-01-05 00:00:00.000000+00';

insert into dimensional.dim_product (product_hk, product_id, valid_from, valid_to, hashdiff, is_deleted, name, category, list_price_micros, is_active)
select product_hk, product_id, valid_from, valid_to, hashdiff, is_deleted, name, category, list_price_micros, is_active from new_rows;

insert into lakebed.builds values (1, 'a run', 'built', 'dimensional.dim_product', date '2026-01-05', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000'), (1, 'a run', 'built', 'dimensional.dim_product', date '2026-01-06', '…', null, '…', '…', '…', timestamp '2026-01-05 00:00:00.000000');

commit transaction;
