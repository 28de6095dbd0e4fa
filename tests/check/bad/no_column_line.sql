/*
about = "A bad table."
grain = ["x"]
build = "full"
growth = "fixed"
owner = "tests"

[columns]
y = { type = "INT64" }
*/
select 1 as y
