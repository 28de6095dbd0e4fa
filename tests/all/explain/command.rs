//! `lakebed explain` as people call it.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::harness::{Call, World};

/// `e-2` comes twice, `e-5` with an amount that is none, and nothing can be read of the last.
const EVENTS: &str = r#"{"id":"e-1","type":"paid","created_at":"2026-01-05T09:00:00Z","customer":"c-1","cents":100}
{"id":"e-2","type":"paid","created_at":"2026-01-06T09:00:00Z","customer":"c-1","cents":200}
{"id":"e-2","type":"paid","created_at":"2026-01-06T09:00:00Z","customer":"c-1","cents":200}
{"id":"e-3","type":"paid","created_at":"2026-01-06T10:00:00Z","customer":"c-2","cents":300}
{"id":"e-4","type":"paid","created_at":"2026-01-06T11:00:00Z","cents":400}
{"id":"e-5","type":"paid","created_at":"2026-01-06T12:00:00Z","customer":"c-2","cents":"many"}
{"id":"e-6","type":"paid","created_at":"2026-01-07T09:00:00Z","customer":"c-2","cents":600}
half a mess
"#;

/// The events as a project of their own, built.
fn own() -> World {
    let world = World::new();
    let clean: Vec<&str> = EVENTS.lines().filter(|line| !line.contains("many")).collect();
    fs::write(world.folder().join("clean.ndjson"), clean.join("\n")).expect("writable");
    fs::write(world.folder().join("events.ndjson"), EVENTS).expect("writable");
    let _ = world.lakebed("init own --source orders --from clean.ndjson").run().status(0);
    let ingest = "ingest --source orders --backfill created_at events.ndjson";
    let _ = inside(&world, ingest).run().status(0);
    let _ = inside(&world, "build").run().status(0);
    world
}

fn inside(world: &World, line: &str) -> Call {
    world.lakebed(&format!("--project own --data data {line}")).elsewhere()
}

fn explained(world: &World, table: &str, condition: &str, column: &str) -> Value {
    let call =
        inside(world, &format!("explain {table} --json --limit 50 --column {column} --where"));
    call.arg(condition).run().status(0).json()["explanation"].clone()
}

/// The ids of the events whose messages are at the end of the chain.
fn event_ids(world: &World, table: &str, condition: &str, column: &str) -> BTreeSet<String> {
    let call =
        inside(world, &format!("explain {table} --json --limit 50 --column {column} --where"));
    let all = call.arg(condition).run().status(0).json();
    let raw =
        all["rows_of"].as_array().expect("a list").iter().find(|of| of["table"] == "raw.orders");
    let rows = raw.expect("the chain ends there")["rows"].as_array().expect("a list").clone();
    rows.iter()
        .map(|row| {
            let payload: Value =
                serde_json::from_str(row[2].as_str().expect("a payload")).expect("JSON");
            payload["id"].as_str().expect("an id").to_owned()
        })
        .collect()
}

#[test]
fn a_chain_has_the_messages_that_count_and_beside_it_those_that_do_not() {
    let world = own();
    let day = "event_date = date '2026-01-06'";
    let ids = |column: &str| event_ids(&world, "mart.orders_by_day", day, column);
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(ids("event_count"), set(&["e-2", "e-3", "e-4"]));
    // That `c-1` is not new on that day is what `e-1` says.
    assert_eq!(ids("new_customer_count"), set(&["e-1", "e-2", "e-3", "e-4"]));
    let found = explained(&world, "mart.orders_by_day", day, "event_count");
    assert_eq!(found["proof"]["is_same"], true);
    assert_eq!(found["proof"]["from"], "chain");
    assert_eq!(found["proof"]["message_count"], 3);
    let away: Vec<(&str, usize)> = found["turned_away"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|of| {
            (of["kind"].as_str().expect("a kind"), of["messages"].as_array().map_or(0, Vec::len))
        })
        .collect();
    // The copy of `e-2`; `e-5`, whose amount nobody asked for. Of the last nobody knows the day.
    assert_eq!(away, [("duplicate", 1), ("rejected", 1)], "{found}");
}

#[test]
fn people_read_a_tree() {
    let world = own();
    let call = inside(&world, "explain mart.orders_by_day --column event_count --limit 1 --where");
    let _ = call
        .arg("event_date = date '2026-01-06'")
        .run()
        .status(0)
        .stdout_contains("mart.orders_by_day: 1 row\n  event_date = 2026-01-06, event_count = 3\n")
        .stdout_contains("└── dimensional.fact_orders: 3 rows\n")
        .stdout_contains("raw.orders: 3 messages\n")
        .stdout_contains("Recomputed from these 3 raw messages alone, as in the table:");
    let call = inside(&world, "explain orders_by_day --depth 1 --where");
    let _ = call
        .arg("event_date between '2026-01-05' and '2026-01-07'")
        .run()
        .status(0)
        .stdout_contains("mart.orders_by_day: 3 rows\n")
        .lacks("raw.orders:");
    let call = inside(&world, "explain mart.orders_by_day --limit 2 --where");
    let _ = call.arg("true").run().status(0).stdout_contains("2 rows of 3, the first by grain");
}

#[test]
fn every_query_of_the_tree_can_be_asked() {
    let world = own();
    let call = inside(&world, "explain mart.orders_by_day --where");
    let said = call.arg("event_date = date '2026-01-06'").run().status(0).stdout;
    let queries: Vec<&str> =
        said.lines().filter_map(|line| line.find("select * from").map(|at| &line[at..])).collect();
    assert!(queries.len() > 5, "{said}");
    for query in queries {
        let _ = inside(&world, "query --format csv").arg(query).run().status(0);
    }
}

#[test]
fn a_table_that_is_not_what_its_query_says_is_told() {
    let world = own();
    let mart = world.folder().join("own/layers/mart/orders_by_day.sql");
    let text = fs::read_to_string(&mart).expect("it is there");
    let edited = text.replace("count(*) as event_count", "count(*) + 1 as event_count");
    assert_ne!(text, edited, "the mart counts");
    fs::write(&mart, edited).expect("writable");
    let call = inside(&world, "explain mart.orders_by_day --where");
    let _ = call
        .arg("event_date = date '2026-01-06'")
        .run()
        .status(1)
        .stdout_contains("it is NOT as in the table")
        .stdout_contains("plan mart.orders_by_day");
}

#[test]
fn what_is_asked_wrongly_is_said_with_what_was_meant() {
    let world = own();
    let ask = |line: &str, condition: &str| {
        inside(&world, &format!("explain {line} --where")).arg(condition).run()
    };
    let _ = ask("mart.orders_by_day", "event_dat = date '2026-01-06'")
        .status(2)
        .stderr_contains("did you mean `event_date`?");
    let _ = ask("mart.orders_by_day --column event_cuont", "true")
        .status(2)
        .stderr_contains("did you mean `event_count`?");
    let _ = ask("mart.orders_by_day", "event_date = date '2025-01-06'")
        .status(2)
        .stderr_contains("mart.orders_by_day has no such row")
        .stderr_contains("it has 3 rows");
    let _ = ask("mart.orders_by_night", "true").status(2).stderr_contains("there is no table");
    let empty = World::new();
    let _ = empty
        .lakebed("explain mart.daily_active_users --where true")
        .run()
        .status(2)
        .stderr_contains("there is no data");
}
