/*
about  = "The parts of the app that the company knows, and the area of the business that owns each."
grain  = ["functionality"]
build  = "seed"
growth = "fixed"
owner  = "product"

[columns]
functionality = { type = "STRING", required = true, about = "As the app sends it." }
area          = { type = "STRING", required = true, about = "Who in the business owns it.", accepted = ["growth", "engagement", "commerce", "identity"] }
about         = { type = "STRING", required = true, about = "What users do there." }
*/
