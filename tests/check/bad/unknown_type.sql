/*
about = "A bad table."
grain = ["y"]
build = "full"
growth = "fixed"
owner = "tests"

[columns]
y = { type = "INTEGER" }
*/
select 1 as y
