/*
about  = "What a unit of a currency is worth in euros, on the days on which there is a rate. The rates are made up, in the order of size of real ones."
grain  = ["rate_date", "currency_code"]
build  = "seed"
growth = "fixed"
owner  = "finance"

[columns]
rate_date     = { type = "DATE",   required = true, about = "The day from which on the rate holds, until there is another." }
currency_code = { type = "STRING", required = true, about = "ISO 4217." }
rate_micros   = { type = "INT64",  required = true, about = "Millionths of a euro for one unit of the currency." }
*/
