/*
about        = "Whose subscription it is. A set within a load date: readers take distinct rows."
grain        = ["load_date", "subscription_user_hk"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["subscription_hk"]
owner        = "data-platform"

[columns]
load_date            = { type = "DATE",   required = true, about = "UTC date of publication." }
subscription_user_hk = { type = "STRING", required = true, about = "udf.hash_key_2(subscription_id, user_id)" }
subscription_hk      = { type = "STRING", required = true, about = "The subscription." }
user_hk              = { type = "STRING", required = true, about = "Whose." }
record_source        = { type = "STRING", required = true, about = "The source." }
*/
with

final as (
  select distinct
    load_date,
    udf.hash_key_2(subscription_id, user_id) as subscription_user_hk,
    udf.hash_key(subscription_id) as subscription_hk,
    udf.hash_key(user_id) as user_hk,
    'db_subscriptions' as record_source
  from standardized.db_subscriptions
  where load_date between @from_date and @to_date
    and user_id <> ''
)

select * from final
