//! A file of late events, through ingestion, plan and build: what changes is exactly what a build
//! from nothing gives differently from before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use lakebed::contract::TableName;
use serde_json::Value;

use crate::{
    goldens::{Tables, export, table_files},
    harness::{World, copy_folder},
};

/// Two events of the first day and one of the second, by a user whom the backend knows and one
/// whom nobody does.
const LATE_EVENTS: &str = r#"{"event_id":"late-1","event_name":"app_opened","user_id":"u12000000","session_id":"late","sequence":1,"occurred_at":"2026-01-05T23:50:00.000000Z","functionality":"feed","app_version":"14.2"}
{"event_id":"late-2","event_name":"product_viewed","user_id":"u12000000","session_id":"late","sequence":2,"occurred_at":"2026-01-06T00:10:00.000000Z","functionality":"catalogue","app_version":"14.2","properties":{"product_id":"p1"}}
{"event_id":"late-3","event_name":"app_opened","user_id":"somebody new","session_id":"other","sequence":1,"occurred_at":"2026-01-05T12:00:00.000000Z","functionality":"feed","app_version":"99.0"}
"#;

/// A table and the date of one of its partitions; no date if it is one partition.
type Place = (TableName, Option<String>);

/// The rows of each partition that has any.
fn partitions(tables: &Tables) -> BTreeMap<Place, BTreeSet<String>> {
    let mut found: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    let files = table_files();
    for (name, csv) in tables {
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let partition_by = files[name].contract.partition_by.as_deref();
        let header = reader.headers().expect("a header").clone();
        let column = partition_by.and_then(|by| header.iter().position(|column| column == by));
        for record in reader.records() {
            let record = record.expect("CSV");
            let date = column.map(|column| record[column].chars().take(10).collect());
            let row = record.iter().collect::<Vec<_>>().join("|");
            found.entry((name.clone(), date)).or_default().insert(row);
        }
    }
    found
}

/// The partitions whose rows differ.
fn changed(before: &Tables, after: &Tables) -> BTreeSet<Place> {
    let (before, after) = (partitions(before), partitions(after));
    let all: BTreeSet<&Place> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|place| before.get(place) != after.get(place)).cloned().collect()
}

/// What `plan` says: partitions that will be built or may follow, and tables of which more may.
fn planned(world: &World) -> (BTreeSet<Place>, BTreeSet<TableName>) {
    let plan = world.lakebed("plan --json").run().status(0).stdout;
    let plan: Value = serde_json::from_str(&plan).expect("a list in JSON");
    let (mut places, mut open) = (BTreeSet::new(), BTreeSet::new());
    for table in plan.as_array().expect("a list") {
        let name = TableName::parse(table["table"].as_str().expect("a name")).expect("a name");
        let date = |partition: &Value| partition.as_str().map(str::to_owned);
        for stale in table["stale"].as_array().expect("a list") {
            assert!(!stale["reason"].as_str().expect("a reason").is_empty());
            places.insert((name.clone(), date(&stale["partition"])));
        }
        let may_follow = table["may_follow"].as_array().expect("a list");
        places.extend(may_follow.iter().map(|partition| (name.clone(), date(partition))));
        if table["may_follow_more"] == true {
            open.insert(name);
        }
    }
    (places, open)
}

#[test]
fn what_a_late_file_changes_is_what_a_build_from_nothing_gives_differently() {
    let world = World::with_tiny();
    let before = export(&world.data());
    let file = world.folder().join("mobile_events.late.ndjson");
    fs::write(&file, LATE_EVENTS).expect("a temporary folder");
    // On a load date long built, and later than what the events say.
    let _ = world
        .lakebed("ingest --arrived 2026-01-06T18:00:00Z")
        .arg(&file.display().to_string())
        .run()
        .status(0)
        .stdout_contains("load date 2026-01-06: 3");
    let (places, open) = planned(&world);
    assert!(places.contains(&(
        TableName::new("standardized", "mobile_events_checked"),
        Some("2026-01-06".to_owned())
    )));
    let _ = world.lakebed("build").run().status(0);
    let after = export(&world.data());

    let rebuilt = World::new();
    copy_folder(&world.data().join("raw"), &rebuilt.data().join("raw"));
    let _ = rebuilt.lakebed("build").run().status(0);
    let from_nothing = export(&rebuilt.data());
    for (name, rows) in &after {
        assert_eq!(rows, &from_nothing[name], "{name} is not what a build from nothing gives");
    }

    let changed = changed(&before, &after);
    let is_foreseen = |(name, date): &Place| {
        // Windows of merges and histories are load dates, which their rows do not tell.
        let is_windowed_otherwise = !places.iter().any(|(table, d)| table == name && d == date)
            && places.iter().any(|(table, _)| table == name);
        places.contains(&(name.clone(), date.clone()))
            || open.contains(name)
            || is_windowed_otherwise
    };
    let unforeseen: Vec<&Place> = changed.iter().filter(|place| !is_foreseen(place)).collect();
    assert!(unforeseen.is_empty(), "the plan did not foresee {unforeseen:?}");
    let dates = |table: &str| -> Vec<&str> {
        let of_table = changed.iter().filter(|(name, _)| name.as_str() == table);
        of_table.filter_map(|(_, date)| date.as_deref()).collect()
    };
    assert_eq!(dates("standardized.mobile_events"), ["2026-01-06"], "where the file landed");
    assert_eq!(dates("dimensional.fact_event"), ["2026-01-05", "2026-01-06"], "when it happened");
    assert_eq!(
        dates("dimensional.fact_session"),
        ["2026-01-05"],
        "the visit began before midnight"
    );
    assert_eq!(dates("mart.funnel_by_functionality"), ["2026-01-05"]);
    assert_eq!(
        dates("mart.daily_active_users"),
        ["2026-01-05", "2026-01-06", "2026-01-07"],
        "each month that holds the days"
    );
    assert!(dates("mart.revenue_daily").is_empty(), "nothing was sold");
    let _ = world.lakebed("build").run().status(0).stdout_contains("Nothing to build");
}
