/*
about        = "What the backend said of a user and when, personal data apart. A set within a load date: nothing is collapsed, readers take distinct rows."
grain        = ["load_date", "user_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["user_hk"]
owner        = "data-platform"

[columns]
load_date        = { type = "DATE",      required = true, about = "UTC date of publication." }
user_hk          = { type = "STRING",    required = true, about = "Whose profile." }
effective_at     = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence         = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff         = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted       = { type = "BOOL",      required = true, about = "Whether the user was deleted by the change." }
signed_up_at     = { type = "TIMESTAMP", about = "When the user signed up." }
country_code     = { type = "STRING",    about = "Country of the account." }
plan             = { type = "STRING",    about = "`free`, `plus` or `pro`." }
marketing_opt_in = { type = "BOOL",      about = "Whether the user wants advertising." }
record_source    = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, user_id, committed_at, lsn, signed_up_at, country_code, plan, marketing_opt_in,
    operation = 'delete' as is_deleted
  from standardized.db_users
  where load_date between @from_date and @to_date
),

final as (
  select distinct
    load_date,
    udf.hash_key(user_id) as user_hk,
    committed_at as effective_at,
    lsn as sequence,
    if(is_deleted, 'deleted', udf.hash_key_4(
      cast(unix_micros(signed_up_at) as STRING), country_code, plan,
      cast(marketing_opt_in as STRING)
    )) as hashdiff,
    is_deleted,
    if(is_deleted, null, signed_up_at) as signed_up_at,
    if(is_deleted, null, country_code) as country_code,
    if(is_deleted, null, plan) as plan,
    if(is_deleted, null, marketing_opt_in) as marketing_opt_in,
    'db_users' as record_source
  from changes
)

select * from final
