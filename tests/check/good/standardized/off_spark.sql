/*
about        = "A table that Spark does not run, as its contract says."
grain        = ["message_id"]
build        = "partition"
partition_by = "load_date"
growth       = "entities"
engines      = []
owner        = "tests"

[columns]
load_date  = { type = "DATE",   required = true, about = "UTC date of publication." }
message_id = { type = "STRING", required = true, about = "The message." }
month_ago  = { type = "DATE",   required = true, about = "Spark takes days only." }
month_no   = { type = "INT64",  required = true, about = "Spark's EXTRACT has other types." }
user_hash  = { type = "BYTES",  about = "Spark's function returns text." }
*/
with

final as (
  select
    load_date, message_id,
    date_sub(load_date, interval 1 month) as month_ago,
    extract(month from load_date) as month_no,
    sha256(user_id) as user_hash
  from standardized.db_users_checked
  where load_date between @from_date and @to_date
)

select * from final
