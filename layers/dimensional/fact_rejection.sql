/*
about        = "Messages of all sources that were rejected, by the date on which they came: when they happened is often what could not be read."
grain        = ["rejection_hk"]
build        = "delta"
partition_by = "rejection_date"
window_by    = "load_date"
growth       = "events"
cluster_by   = ["source", "reject_reason"]
owner        = "analytics"

[columns]
rejection_date = { type = "DATE",   required = true, about = "UTC date on which it came." }
load_date      = { type = "DATE",   required = true, about = "UTC date of publication: the same." }
rejection_hk   = { type = "STRING", required = true, about = "The message." }
source         = { type = "STRING", required = true, about = "Where it comes from." }
reject_reason  = { type = "STRING", required = true, about = "Why." }
functionality  = { type = "STRING", required = true, about = "The part of the app, as far as it could be read, or `unknown`." }
app_version    = { type = "STRING", required = true, about = "Version of the app, as far as it could be read, or `unknown`." }
action         = { type = "STRING", about = "The event's name or the operation on the row, as far as it could be read." }
*/
with

final as (
  select
    load_date as rejection_date,
    load_date,
    rejection_hk,
    source,
    reject_reason,
    functionality,
    ifnull(nullif(app_version, ''), 'unknown') as app_version,
    action
  from vault.nhl_rejection
  where load_date between @from_date and @to_date
)

select * from final
