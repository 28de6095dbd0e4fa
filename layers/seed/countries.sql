/*
about  = "The countries of ISO 3166-1, with the continent that the company reports them under."
grain  = ["country_code"]
build  = "seed"
growth = "fixed"
owner  = "analytics"

[columns]
country_code = { type = "STRING", required = true, about = "ISO 3166-1 alpha-2." }
name         = { type = "STRING", required = true, about = "What it is called in English." }
region       = { type = "STRING", required = true, about = "Its continent.", accepted = ["Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America"] }
*/
