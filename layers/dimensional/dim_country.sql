/*
about  = "Countries: those of ISO 3166, those that a source has named, and the unknown one."
grain  = ["country_code"]
build  = "full"
growth = "fixed"
owner  = "analytics"

[columns]
country_code = { type = "STRING", required = true, about = "ISO 3166-1 alpha-2, or whatever a source has sent, or `unknown`." }
name         = { type = "STRING", required = true, about = "What it is called in English, or `unknown`." }
region       = { type = "STRING", required = true, about = "Its continent, or `unknown`." }
is_inferred  = { type = "BOOL",   required = true, about = "Whether a source named it and ISO 3166 does not." }
*/
with

named as (
  select country_code from vault.hub_country where country_code <> 'unknown'
),

known as (
  select country_code, name, region from seed.countries
),

final as (
  select
    ifnull(k.country_code, n.country_code) as country_code,
    ifnull(k.name, 'unknown') as name,
    ifnull(k.region, 'unknown') as region,
    k.country_code is null as is_inferred
  from known as k
  full join named as n on n.country_code = k.country_code
  union all
  select 'unknown', 'unknown', 'unknown', false
)

select * from final
