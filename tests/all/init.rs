//! `lakebed init`: a file of real events from elsewhere becomes tables and a mart, by the steps that
//! it prints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lakebed::{
    project::{Project, ProjectFiles},
    warehouse::duckdb::{Options, open_shared},
};

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
    let files = ProjectFiles::read(&world.folder().join("own")).expect("a project");
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

/// What the proposal calls a time must be one for the functions that then read it.
#[test]
fn times_mean_the_same_to_the_proposal_and_to_the_tables() {
    let options = Options { threads: Some(1), is_read_only: false };
    let project = Project::parse(&ProjectFiles::embedded()).expect("the project");
    let prelude = lakebed::prelude::Prelude::duckdb(&project).expect("functions");
    let warehouse = open_shared(None, options, &prelude).expect("in memory");
    let mut session = warehouse.session().expect("a session");
    for value in [
        "\"2026-01-05T10:00:00Z\"",
        "\"2026-01-05T10:00:00.123456789+05:30\"",
        "\"2026-01-05 10:00:00-0800\"",
        "\"2026-01-05T10:00:00+02\"",
        "\"2026-01-05 10:00\"",
        "\"2026-01-05 10:00:00 UTC\"",
        "\"2026-01-05\"",
        "\"2026-02-30\"",
        "\"2026-01-05T24:00:00Z\"",
        "\"0999-01-05\"",
        "\"2026-01-05x\"",
        "1767607200",
        "1767607200.25",
        "1767607200123",
        "1767607200123456",
        "17",
    ] {
        let json: serde_json::Value = serde_json::from_str(value).expect("JSON");
        let told = lakebed::payload::time::read(&json);
        let function = match told.map(|(_, form)| form) {
            Some(lakebed::payload::time::TimeForm::Seconds) => "safe_epoch_seconds",
            Some(lakebed::payload::time::TimeForm::Millis) => "safe_epoch_millis",
            Some(lakebed::payload::time::TimeForm::Micros) => "safe_epoch_micros",
            _ => "safe_iso_timestamp",
        };
        let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        let sql = format!("select cast(epoch_us(udf.{function}('{text}')) as varchar)");
        let found = session.query(&sql).and_then(|rows| rows.text_rows()).expect("one row");
        let expected = told.map(|(instant, _)| instant.0.to_string());
        assert_eq!(found[0][0], expected, "{value} by {function}");
    }
}
