//! `lakebed init`: a file of real events from elsewhere becomes tables and a mart, by the steps that
//! it prints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lakebed::{
    payload::time::{self, TimeForm},
    project::Project,
};
use lakebed_duckdb::{Options, open_shared};

use crate::harness::{CHECKOUT, Call, World};

/// Events of other shapes than this project's own.
fn events(name: &str) -> PathBuf {
    Path::new(CHECKOUT).join("tests/all/events").join(name)
}

/// Does what `init` says is to be done next, and gives what the last of it printed.
fn follow(world: &World, said: &str) -> String {
    let (_, steps) = said.split_once("What now:\n").expect("it says what now");
    world.shell(steps, "the steps of init")
}

/// A command in the project's own folder.
fn inside(world: &World, line: &str) -> Call {
    let folder = world.folder().join("own");
    let place =
        format!("--project {} --data {}", folder.display(), folder.join("lakebed-data").display());
    world.lakebed(&format!("{line} {place}")).elsewhere()
}

/// Accepted, rejected and duplicate messages, and how many are not in exactly one of these places.
const PLACES: &str = "select sum(accepted_count) as accepted, sum(rejected_count) as rejected, \
                      sum(duplicate_count) as duplicate, \
                      sum(lost_count + repeated_count + invented_count) as wrong \
                      from standardized.reconciliation";

/// Begins a project, follows the steps, and looks at what must hold of any.
#[track_caller]
fn check(init: &str, places: &str, mart: &str) -> World {
    let world = World::new();
    let said = world.lakebed(&format!("init own {init}")).run().status(0);
    let printed = follow(&world, &said.stdout);
    assert!(printed.contains(mart), "`{mart}` is not in\n{printed}");
    let found = inside(&world, "query --format csv").arg(PLACES).run().status(0).stdout;
    assert_eq!(found, format!("accepted,rejected,duplicate,wrong\n{places}\n"));
    let _ = inside(&world, "plan").run().status(0).stdout_contains("Nothing to build");
    let _ = inside(&world, "check").run().status(0).stdout_contains("No finding");
    let files = lakebed_files::read(&world.folder().join("own")).expect("a project");
    let project = Project::parse(&files).expect("every file is right");
    for (name, table) in &project.tables {
        let wide = table.query().lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{name} has a wide line");
        assert!(!table.query().contains("{{"), "{name} has a placeholder");
        let silent = table.contract.columns.iter().find(|(_, column)| column.about.is_empty());
        assert!(silent.is_none(), "{name}: {silent:?}");
    }
    world
}

#[test]
fn without_events_there_are_some_to_begin_with() {
    let world = check("", "30,1,1,0", "| 2026-01-07 | 10 ");
    assert!(world.folder().join("own/orders.ndjson").exists());
    let other_project = "plan --data own/lakebed-data";
    let said = world.lakebed(other_project).elsewhere().run().status(2);
    let _ = said.stderr_contains("raw.orders, and this project has no such source");
    let again = world.lakebed("init own").run().status(2);
    let _ = again.stderr_is("init_twice");
    // What the simulator knows is of tables that this project does not have.
    crate::harness::copy_folder(
        &Path::new(CHECKOUT).join("scenarios"),
        &world.folder().join("own/scenarios"),
    );
    let other = world.folder().join("own-simulated");
    let run = format!("run tiny --ingest direct --project own --data {}", other.display());
    let _ = world
        .lakebed(&run)
        .elsewhere()
        .run()
        .status(0)
        .stdout_contains("speaks of no table that this project has");
}

#[test]
fn events_of_web_pages_with_times_in_milliseconds() {
    let from = format!("--from {}", events("page_views.ndjson").display());
    let world = check(&from, "59,2,1,0", "active_user_count");
    let types = "select event_type, sum(event_count) as n from mart.page_views_by_event_type \
                 group by 1 order by 1";
    let found = inside(&world, "query --format csv").arg(types).run().status(0).stdout;
    assert_eq!(found.lines().count(), 4, "{found}");
}

#[test]
fn events_of_repositories_whose_payload_depends_on_the_type() {
    let from =
        format!("--source repository_events --from {}", events("2026-02-27-15.ndjson").display());
    let world = check(&from, "60,0,0,0", "active_actor_count");
    let one = "select payload_issue_title as title, payload_issue_created_at is not null as has_time \
               from standardized.repository_events where payload_issue_title is not null limit 1";
    let found = inside(&world, "query --format csv").arg(one).run().status(0).stdout;
    assert_eq!(found, "title,has_time\nIt breaks,true\n");
}

#[test]
fn a_person_chooses_what_the_hub_is_of() {
    let events = events("2026-02-27-15.ndjson");
    let init = format!("--source repository_events --hub repo.name --from {}", events.display());
    let world = check(&init, "60,0,0,0", "active_repo_count");
    let hub = "select count(*) > 1 as has_some from vault.hub_repo";
    let found = inside(&world, "query --format csv").arg(hub).run().status(0).stdout;
    assert_eq!(found, "has_some\ntrue\n");
    let wrong = format!("init other --hub repo.title --from {}", events.display());
    let said = World::new().lakebed(&wrong).run().status(2);
    let _ = said.stderr_contains("no event has a field `repo.title`").stderr_contains("repo.name");
}

#[test]
fn readings_of_sensors_without_an_id() {
    let from = format!("--from {}", events("sensor_readings.ndjson").display());
    let world = check(&from, "144,2,1,0", "temperature_c_max");
    let first = "select min(event_at) as first_at from dimensional.fact_sensor_readings";
    let found = inside(&world, "query --format csv").arg(first).run().status(0).stdout;
    // An offset of an hour is taken off.
    assert_eq!(found, "first_at\n2026-02-27T00:00:00\n");
}

#[test]
fn events_of_which_nothing_can_be_told() {
    let world = World::new();
    let file = world.folder().join("things.ndjson");
    fs::write(&file, "{\"a\":1}\n{\"a\":2,\"A\":3,\"b\":null,\"c\":{\"d\":[]},\"it's\":0}\n{}\n")
        .expect("writable");
    let said = world.lakebed("init own --from things.ndjson").run().status(0);
    let _ = said.stdout_contains("No field says when it happened");
    let said = world.lakebed("init other --from things.ndjson --json").run().status(0).json();
    assert_eq!(said["source"], "things");
    let own = World::new();
    let init = format!("--from {}", file.display());
    let said = own.lakebed(&format!("init own {init}")).run().status(0);
    follow(&own, &said.stdout);
    let found = inside(&own, "query --format csv").arg(PLACES).run().status(0).stdout;
    assert_eq!(found, "accepted,rejected,duplicate,wrong\n3,0,0,0\n");
}

#[test]
fn a_file_that_no_project_can_begin_with() {
    let world = World::new();
    let write = |name: &str, text: &str| fs::write(world.folder().join(name), text);
    write("prose.txt", "once\nupon\n").expect("writable");
    write("table.csv", "id,at\n1,2026-01-05\n").expect("writable");
    write("list.json", "[\n  {\"a\":1}\n").expect("writable");
    for (name, line) in [
        ("init_no_json", "init own --from prose.txt"),
        ("init_csv", "init own --from table.csv"),
        ("init_unclosed", "init own --from list.json"),
        ("init_missing_file", "init own --from nowhere.ndjson"),
        ("init_source_name", "init own --source Page-Views"),
    ] {
        let _ = world.lakebed(line).run().status(2).stderr_is(name);
    }
    assert!(!world.folder().join("own").exists(), "something was written");
}

#[test]
fn a_list_in_json_is_events() {
    let world = World::new();
    let text = "[\n  {\n    \"id\": \"a\"\n  },\n  {\"id\": \"b\"}\n]\n";
    fs::write(world.folder().join("list.json"), text).expect("writable");
    let said = world.lakebed("init own --from list.json").run().status(0);
    let said = said.stdout_contains("from 2 events of list.json");
    follow(&world, &said.stdout);
    let found = inside(&world, "query --format csv").arg(PLACES).run().status(0).stdout;
    assert_eq!(found, "accepted,rejected,duplicate,wrong\n2,0,0,0\n");
}

/// The forms of times, and what looks like one, also at the edges of the calendar.
const TIMES: [&str; 58] = [
    "2026-01-05T10:00:00Z",
    "2026-01-05T10:00:00.123456Z",
    "2026-01-05T10:00:00.1234567Z",
    "2026-01-05T10:00:00.123456789+05:30",
    "2026-01-05T10:00:00.1234567891Z",
    "2026-01-05T10:00:00.Z",
    "2026-01-05 10:00:00-0800",
    "2026-01-05T10:00:00+02",
    "2026-01-05T10:00:00+02:",
    "2026-01-05T10:00:00+2",
    "2026-01-05T10:00:00+99:99",
    "2026-01-05T10:00:00+02:00:00",
    "2026-01-05 10:00",
    "2026-01-05 10:00:00 UTC",
    "2026-01-05 10:00:00  UTC",
    "2026-01-05 10:00:00 Z",
    "2026-01-05T10:00:00 +01:00",
    "2026-01-05T10:00Z",
    "2026-01-05T10:00+01:00",
    "2026-01-05T10Z",
    "2026-01-05T100000Z",
    "2026-01-05T10:00:00,123Z",
    "2026-01-05t10:00:00z",
    "2026-01-05T23:59:60Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05 10",
    "2026-01-05T10:00:00.000+01:00 UTC",
    "2026-01-05T",
    "2026-01-05Z",
    " 2026-01-05",
    "2026-01-05\n",
    "2026-01-05",
    "20260105",
    "2026-02-30",
    "2024-02-29",
    "1900-02-29",
    "2000-02-29T23:59:59.999999Z",
    "1900-01-01T00:00:00+14:00",
    "1899-12-31T23:59:59Z",
    "2099-12-31T23:59:59.999999-12:00",
    "2100-01-01T00:00:00Z",
    "0999-01-05",
    "2026-1-5",
    "2026-01-05x",
    "２026-01-05",
    "",
    "1767607200",
    "1767607200.25",
    "1767607200.9999999999",
    "1767607200.",
    "1767607200123",
    "1767607200123.5",
    "1767607200123456",
    "1767607200123456.7",
    "946684799",
    "4102444800",
    "01767607200",
    "17",
];

/// What the proposal and a backfill call a time is one for the functions of the tables, and the same.
#[test]
fn times_mean_the_same_to_the_proposal_and_to_the_tables() {
    let options = Options { threads: Some(1), ..Options::default() };
    let project = Project::parse(&lakebed_files::embedded()).expect("the project");
    let prelude = lakebed::prelude::Prelude::duckdb(&project).expect("functions");
    let warehouse = open_shared(None, options, &prelude).expect("in memory");
    let mut session = warehouse.session().expect("a session");
    for text in TIMES {
        for form in TimeForm::ALL {
            let function = form.function();
            let sql = format!("select cast(epoch_us(udf.{function}('{text}')) as varchar)");
            let found = session.query(&sql).and_then(|rows| rows.text_rows()).expect("one row");
            let told = form.read(text).map(|instant| instant.0.to_string());
            assert_eq!(told, found[0][0], "{text:?} by {function}");
        }
        // The form that a value is said to have is one in which it is read, to the same instant.
        let value = serde_json::Value::from(text);
        for (instant, form) in time::read(&value).into_iter().chain(time::read_quoted(&value)) {
            assert_eq!(form.read(text), Some(instant), "{text:?}");
        }
    }
}

/// Values that the tables must have as they were sent.
#[test]
fn lists_objects_and_great_numbers_are_kept() {
    let world = World::new();
    let file = world.folder().join("ev.ndjson");
    let first = r#"{"id":"a","at":"2026-01-05T10:00Z","tags":["red", "bl\u00fce"],"n":18446744073709551615,"m":123456789012345678901234567890,"o":{}}"#;
    let second = r#"{"id":"b","at":"2026-01-05T11:00Z","tags":[ {"price":5.10} ],"n":18446744073709551614,"m":123456789012345678901234567891,"o":[1]}"#;
    fs::write(&file, format!("{first}\n{second}\n")).expect("writable");
    let own = World::new();
    let said = own.lakebed(&format!("init own --from {}", file.display())).run().status(0);
    follow(&own, &said.stdout);
    let sql = "select event_id, tags, n, m, o, json_value(tags, '$[0].price') as price \
               from standardized.ev order by event_id";
    let found = inside(&own, "query --format csv").arg(sql).run().status(0).stdout;
    let expected = "event_id,tags,n,m,o,price\n\
        a,\"[\"\"red\"\",\"\"bl\\u00fce\"\"]\",18446744073709551615,123456789012345678901234567890,{},\n\
        b,\"[{\"\"price\"\":5.10}]\",18446744073709551614,123456789012345678901234567891,[1],5.1\n";
    assert_eq!(found, expected);
    let contract = fs::read_to_string(own.folder().join("own/layers/raw/ev.toml")).expect("it");
    assert!(contract.contains("about = \"JSON, as it was sent.\""), "{contract}");
}

/// Nanoseconds, positions in a log and ids are numbers, and no measures.
#[test]
fn what_nobody_adds_up_is_no_measure() {
    let world = World::new();
    let lines: Vec<String> = (0..6)
        .map(|n| {
            format!(
                "{{\"id\":\"e{n}\",\"ts_ms\":{},\"clock\":{},\"source\":{{\"place\":{}}},\"amount\":{}}}\n",
                1_704_067_200_121_u64 + n,
                1_704_067_200_121_000_000_u64 + n,
                24_023_141 + n,
                (n * 7) % 5
            )
        })
        .collect();
    fs::write(world.folder().join("dbz.ndjson"), lines.concat()).expect("writable");
    let said = world.lakebed("init own --from dbz.ndjson").run().status(0);
    let said = said.stdout_contains("`amount` in the mart by day");
    follow(&world, &said.stdout);
}

/// An event without an id is named by what it says, in whatever order and however it is written.
#[test]
fn the_order_of_keys_makes_no_other_event() {
    let world = World::new();
    let lines = [
        r#"{"at":1702643009060308,"name":"view","params":{"a":1,"b":[{"x":"é","y":2}]}}"#,
        r#"{"name":"view","params":{"b":[{"y":2,"x":"\u00e9"}],"a":1},"at":1702643009060308}"#,
        r#"{ "at": 1702643009060308, "name": "view", "params": {"b": [{"x":"é","y": 2}], "a": 1 } }"#,
        r#"{"at":1702643009060308,"name":"view","params":{"a":1,"b":[{"x":"é","y":3}]}}"#,
        r#"{"at":1702643009060308,"name":"view","params":{"b":1,"a":[{"x":"é","y":2}]}}"#,
    ];
    let file = world.folder().join("ev.ndjson");
    fs::write(&file, lines.join("\n")).expect("writable");
    let own = World::new();
    let said = own.lakebed(&format!("init own --from {}", file.display())).run().status(0);
    follow(&own, &said.stdout);
    let found = inside(&own, "query --format csv").arg(PLACES).run().status(0).stdout;
    assert_eq!(found, "accepted,rejected,duplicate,wrong\n3,0,2,0\n");
}
