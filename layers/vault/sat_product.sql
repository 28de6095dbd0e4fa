/*
about        = "What the backend said of a product and when. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "product_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["product_hk"]
owner        = "data-platform"

[columns]
load_date         = { type = "DATE",      required = true, about = "UTC date of publication." }
product_hk        = { type = "STRING",    required = true, about = "Which product." }
effective_at      = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence          = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff          = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted        = { type = "BOOL",      required = true, about = "Whether the row was deleted by the change." }
name              = { type = "STRING",    about = "What it is called." }
category          = { type = "STRING",    about = "The part of the assortment." }
list_price_micros = { type = "INT64",     about = "Price in millionths of the reporting currency." }
is_active         = { type = "BOOL",      about = "Whether it can be ordered." }
record_source     = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, product_id, committed_at, lsn, name, category, list_price_micros, is_active,
    operation = 'delete' as is_deleted
  from standardized.db_products
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(product_id) as product_hk,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_4(
      name, category, cast(list_price_micros as STRING), cast(is_active as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, name) as name,
    if(is_deleted, null, category) as category,
    if(is_deleted, null, list_price_micros) as list_price_micros,
    if(is_deleted, null, is_active) as is_active,
    'db_products' as record_source
  from changes
)

select * from final
