/*
about  = "Versions of the app, by when they were first seen; one member stands for unknown."
grain  = ["app_version_hk"]
build  = "full"
growth = "fixed"
owner  = "analytics"

[columns]
app_version_hk = { type = "STRING",    required = true, about = "udf.hash_key(app_version)" }
app_version    = { type = "STRING",    required = true, about = "As the app sends it, or `unknown`." }
first_seen_at  = { type = "TIMESTAMP", about = "Earliest time of an event of it." }
*/
with

final as (
  select app_version_hk, app_version, first_seen_at
  from vault.hub_app_version
  where app_version <> 'unknown'
  union all
  select udf.unknown_key(), 'unknown', null
)

select * from final
