/*
about  = "The parts of the app: those that the app has named, those that the company knows, and the unknown one."
grain  = ["functionality_hk"]
build  = "full"
growth = "fixed"
owner  = "analytics"

[columns]
functionality_hk = { type = "STRING", required = true, about = "udf.hash_key(functionality)" }
functionality    = { type = "STRING", required = true, about = "As the app sends it." }
area             = { type = "STRING", required = true, about = "Who in the business owns it; `unknown` if the company does not know it." }
about            = { type = "STRING", required = true, about = "What users do there." }
is_inferred      = { type = "BOOL",   required = true, about = "Whether the app named it and the company does not know it." }
*/
with

named as (
  select functionality_hk, functionality from vault.hub_functionality
),

known as (
  select udf.hash_key(functionality) as functionality_hk, functionality, area, about
  from seed.functionalities
),

members as (
  select
    ifnull(k.functionality_hk, n.functionality_hk) as functionality_hk,
    ifnull(k.functionality, n.functionality) as functionality,
    ifnull(k.area, 'unknown') as area,
    ifnull(k.about, 'unknown') as about,
    k.functionality_hk is null as is_inferred
  from known as k
  full join named as n on n.functionality_hk = k.functionality_hk
),

final as (
  select functionality_hk, functionality, area, about, is_inferred from members
  union all
  select udf.unknown_key(), 'unknown', 'unknown', 'unknown', false
)

select * from final
