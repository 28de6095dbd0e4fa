/*
about        = "How to reach a user: personal data, apart so that access and erasure can be. A set within a load date, as sat_user_profile."
grain        = ["load_date", "user_hk", "effective_at", "sequence", "hashdiff"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
cluster_by   = ["user_hk"]
owner        = "privacy"

[columns]
load_date     = { type = "DATE",      required = true, about = "UTC date of publication." }
user_hk       = { type = "STRING",    required = true, about = "Whose contact." }
effective_at  = { type = "TIMESTAMP", required = true, about = "When the change was committed." }
sequence      = { type = "INT64",     required = true, about = "Log sequence number: orders changes of one instant." }
hashdiff      = { type = "STRING",    required = true, about = "Hash of the attributes; `deleted` after a delete." }
is_deleted    = { type = "BOOL",      required = true, about = "Whether the user was deleted by the change." }
email         = { type = "STRING",    about = "E-mail address." }
phone_number  = { type = "STRING",    about = "Telephone number." }
record_source = { type = "STRING",    required = true, about = "The source." }
*/
with

changes as (
  select
    load_date, user_id, committed_at, lsn, email, phone_number,
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
    if(is_deleted, 'deleted', udf.hash_key_2(email, phone_number)) as hashdiff,
    is_deleted,
    if(is_deleted, null, email) as email,
    if(is_deleted, null, phone_number) as phone_number,
    'db_users' as record_source
  from changes
)

select * from final
