//! What goes wrong: the exit status, the message byte for byte, and that nothing is damaged.
//!
//! Status 1: the data, a check or the machine failed. Status 2: what was asked for, or a file of
//! the project, is wrong. The messages stand in `expected/`.

use std::{
    fs::{self, File},
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use lakebed::prelude::Prelude;
use lakebed_duckdb::{Options, open_shared};

use crate::{
    goldens::assert_golden,
    harness::{BINARY, Ended, World},
};

const MART: &str = "layers/mart/daily_active_users.sql";
const USER_DAY: &str = "layers/dimensional/fact_user_day.sql";

/// An edit that makes a file of the project wrong, and the name of what is then said.
struct Mistake {
    name: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
}

const fn mistake(
    name: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
) -> Mistake {
    Mistake { name, file, old, new }
}

const MISTAKES: [Mistake; 18] = [
    mistake(
        "unknown_column",
        MART,
        "select activity_date, user_hk, event_count\n",
        "select activity_date, user_hk, event_cuont\n",
    ),
    mistake("syntax_error", MART, "group by activity_date\n", "group activity_date\n"),
    mistake("unclosed_text", USER_DAY, "group by event_date", "group by 'event_date"),
    mistake(
        "wrong_type",
        USER_DAY,
        "event_count    = { type = \"INT64\"",
        "event_count    = { type = \"STRING\"",
    ),
    mistake(
        "unknown_type",
        USER_DAY,
        "event_count    = { type = \"INT64\"",
        "event_count    = { type = \"INTEGER\"",
    ),
    mistake(
        "column_only_in_contract",
        USER_DAY,
        "last_event_at  =",
        "another_at     = { type = \"TIMESTAMP\" }\nlast_event_at  =",
    ),
    mistake(
        "column_only_in_query",
        USER_DAY,
        "max(event_at) as last_event_at\n",
        "max(event_at) as last_event_at,\n    1 as another\n",
    ),
    mistake(
        "grain_is_no_column",
        USER_DAY,
        "\"activity_date\", \"user_hk\"]\nbuild",
        "\"activity_date\", \"user\"]\nbuild",
    ),
    mistake("unknown_field", USER_DAY, "owner ", "ownr "),
    mistake("no_contract", USER_DAY, "/*", "--"),
    mistake("endless_contract", USER_DAY, "*/", ""),
    mistake(
        "unknown_table",
        USER_DAY,
        "from dimensional.fact_event",
        "from dimensional.fact_events",
    ),
    mistake("unknown_parameter", USER_DAY, "@to_date", "@until_date"),
    mistake(
        "forbidden_layer",
        USER_DAY,
        "from dimensional.fact_event",
        "from standardized.mobile_events",
    ),
    mistake(
        "circle",
        "layers/dimensional/fact_event.sql",
        "from vault.nhl_mobile_event",
        "from dimensional.fact_user_day",
    ),
    mistake("undeclared_history", MART, "[reads.\"dimensional.dim_user\"]\nas_of = true\n", ""),
    mistake("wrong_source", "layers/raw/db_users.toml", "type = \"INT64\"", "type = \"INT\""),
    mistake("wrong_function", "layers/functions/duckdb.sql", "as weekofyear(d)", "as weekofyear(d"),
];

#[test]
fn a_mistake_in_the_project_is_shown_where_it_is() {
    let world = World::with_tiny().with_project();
    for mistake in &MISTAKES {
        let edit = world.edit(mistake.file, mistake.old, mistake.new);
        let _ = world.lakebed("plan").run().status(2).stderr_is(mistake.name);
        edit.undo();
    }
    let _ = world
        .lakebed("run tiny --ingest direct")
        .run()
        .status(0)
        .stdout_contains("Nothing to build");
    assert_golden(&world.data(), "after the mistakes");
}

#[test]
fn a_mistake_in_a_seed_keeps_the_old_rows() {
    let world = World::with_tiny().with_project();
    let file = "layers/seed/functionalities.csv";
    let edits = [
        ("seed_header", "functionality,area", "functionality,region"),
        ("seed_row_too_short", "search,commerce,Looking for products", "search,commerce"),
        ("seed_value_not_accepted", "search,commerce", "search,trade"),
    ];
    for (name, old, new) in edits {
        let edit = world.edit(file, old, new);
        let _ = world.lakebed("build").run().status(1).stderr_is(name);
        edit.undo();
        assert_golden(&world.data(), name);
    }
    let _ = world.lakebed("build").run().status(0).stdout_contains("Nothing to build");
}

#[test]
fn what_was_asked_for_is_not_there() {
    let world = World::with_tiny();
    let _ = world.lakebed("run huge").run().status(2).stderr_is("unknown_scenario");
    let _ = world.lakebed("build mart.revenue").run().status(2).stderr_is("build_unknown_table");
    let _ = world.lakebed("show revenue").run().status(2).stderr_is("show_unknown_table");
    let _ = world.lakebed("run tiny --speed 3").run().status(2).stderr_is("unknown_flag");
    let _ = world.lakebed("build --from yesterday").run().status(2).stderr_is("wrong_date");
    let _ = world
        .lakebed("build --from 2026-01-07 --to 2026-01-05")
        .run()
        .status(2)
        .stderr_is("dates_reversed");
    let _ = world.lakebed("gateway").run().status(2).stderr_is("no_token");
    let _ = world
        .lakebed("query --format parquet")
        .arg("select 1")
        .run()
        .status(2)
        .stderr_is("parquet_without_output");
    let ask = |sql: &str| world.lakebed("query").arg(sql).run().status(2);
    let _ =
        ask("select plan, userz from mart.active_users_by_plan").stderr_is("query_unknown_column");
    let _ = ask("select * from mart.revenue").stderr_is("query_unknown_table");
    let _ = ask("select 1 +").stderr_is("query_syntax_error");
    let _ = ask("delete from mart.daily_active_users").stderr_is("query_that_writes");
    assert_golden(&world.data(), "after questions that cannot be answered");
}

#[test]
fn no_warehouse_yet() {
    let world = World::new();
    let _ = world.lakebed("query").arg("select 1").run().status(2).stderr_is("no_warehouse");
    let _ = world.lakebed("show vault.hub_user").run().status(0).stdout_contains("never");
    assert!(!world.data().exists(), "asking made a data folder");
}

#[test]
fn a_project_that_is_none() {
    let world = World::new();
    let folder = world.folder().join("empty");
    fs::create_dir(&folder).expect("writable");
    let shown = folder.display().to_string();
    let none = world.lakebed(&format!("plan --project {shown}")).run().status(2);
    let _ = none.stderr_is("project_without_layers");
    let missing = world.lakebed("plan --project nowhere").run().status(2);
    let _ = missing.stderr_is("project_missing");
}

#[test]
fn a_mistake_in_a_scenario() {
    let world = World::new().with_project();
    let file = "scenarios/tiny.toml";
    let edits = [
        ("scenario_wrong_type", "days = 3", "days = \"three\""),
        ("scenario_unknown_field", "days = 3", "dayz = 3"),
        ("scenario_unknown_fault", "fault = \"late\"", "fault = \"tardy\""),
        ("scenario_impossible_rate", "rate = 0.2\n", "rate = 2.0\n"),
        ("scenario_without_days", "days = 3", "days = 0"),
    ];
    for (name, old, new) in edits {
        let edit = world.edit(file, old, new);
        let _ = world.lakebed("run tiny").run().status(2).stderr_is(name);
        edit.undo();
    }
    let _ = world.lakebed("run tiny --ingest direct").run().status(0);
    assert_golden(&world.data(), "after mistakes in the scenario");
}

#[test]
fn a_data_folder_holds_one_simulation() {
    let world = World::with_tiny();
    let _ = world.lakebed("run baseline").run().status(2).stderr_is("other_scenario");
    let _ = world.lakebed("run tiny --ingest gateway").run().status(2).stderr_is("other_ingest");
    let _ = world.lakebed("run tiny --ingest direct").run().status(0);
    assert_golden(&world.data(), "after another scenario was refused");
}

#[test]
fn a_data_folder_that_is_a_file() {
    let world = World::new();
    fs::write(world.data(), "not a folder").expect("writable");
    let _ = world.lakebed("run tiny").run().status(1).stderr_is("data_folder_is_a_file");
}

#[test]
fn a_damaged_raw_object_is_named() {
    let world = World::with_raw();
    let objects = world.raw_objects();
    for (name, object) in [
        ("damaged_first_object", &objects[0]),
        ("damaged_last_object", &objects[objects.len() - 1]),
    ] {
        let good = fs::read(object).expect("readable");
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[4..middle].fill(0);
        fs::write(object, &bad).expect("writable");
        let _ = world.lakebed("build").run().status(1).stderr_is(name);
        fs::write(object, b"short").expect("writable");
        let _ = world.lakebed("build").run().status(1);
        fs::write(object, &good).expect("writable");
    }
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "after good copies were put back");
}

#[test]
fn a_raw_object_that_is_gone_is_refused_until_accepted() {
    let world = World::with_tiny();
    let mut objects = world.raw_objects();
    objects.retain(|object| object.to_string_lossy().contains("/db_users/"));
    let object = objects.remove(0);
    let kept = world.folder().join("kept.parquet");
    fs::rename(&object, &kept).expect("writable");
    let _ = world.lakebed("build").run().status(1).stderr_is("removed_object");
    let _ = world.lakebed("plan").run().status(1).stderr_is("removed_object");
    let planned = world.lakebed("plan --accept-removed").run().status(0);
    let _ = planned.stdout_contains("raw.db_users changed");
    // To plan is not to agree.
    let _ = world.lakebed("build").run().status(1).stderr_is("removed_object");
    assert_golden(&world.data(), "after the refusals");
    let _ = world.lakebed("build --accept-removed").run().status(0);
    let first_day =
        "select count(*) as n from standardized.db_users where load_date = '2026-01-05'";
    assert_eq!(world.query(first_day), "n\n0\n");
    // It comes back, and with it what only it had.
    fs::rename(&kept, &object).expect("writable");
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "after the object came back");
}

#[test]
fn a_raw_object_where_none_belongs() {
    let world = World::with_tiny();
    fs::write(world.data().join("raw/mobile_events/notes.parquet"), "x").expect("writable");
    let _ = world.lakebed("build").run().status(1).stderr_is("misplaced_object");
}

#[test]
fn a_port_in_use() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a port").to_string();
    let run = format!("run tiny --listen {address}");
    let _ = world.lakebed(&run).run().status(1).stderr_is("run_port_in_use");
    let gateway = format!("gateway --token secret --listen {address}");
    let other = World::new();
    let _ = other.lakebed(&gateway).run().status(1).stderr_is("gateway_port_in_use");
    drop(taken);
    // Nothing was sent, so that nothing was sent twice.
    let ended = world.lakebed(&run).run().status(0).stdout_contains("Everything is right.");
    let _ = ended.lacks("cut short");
}

/// A gateway that listens until it is dropped.
struct Listening(Child);

impl Listening {
    fn start(world: &World) -> Self {
        let mut child = Command::new(BINARY)
            .args(["gateway", "--listen", "127.0.0.1:0", "--token", "secret", "--data"])
            .arg(world.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut said = std::io::BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).expect("readable");
        assert!(line.starts_with("listening on ws://127.0.0.1:"), "{line}");
        Self(child)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_processes_do_not_share_a_bus() {
    let world = World::new();
    let listening = Listening::start(&world);
    let other = world.lakebed("gateway --token secret --listen 127.0.0.1:0").run().status(1);
    let _ = other.stderr_is("bus_in_use");
    drop(listening);
    drop(Listening::start(&world));
}

#[test]
fn two_processes_do_not_share_a_warehouse() {
    let world = World::with_tiny();
    let options = Options { threads: Some(1), ..Options::default() };
    let path = world.data().join("warehouse.duckdb");
    let held = open_shared(Some(&path), options, &Prelude::default()).expect("nobody else has it");
    for command in ["build", "plan", "show", "run tiny --ingest direct"] {
        let _ = world.lakebed(command).run().status(1).stderr_is("warehouse_in_use");
    }
    let _ = world.lakebed("query").arg("select 1").run().status(1).stderr_is("warehouse_in_use");
    drop(held);
    let _ = world.lakebed("build").run().status(0).stdout_contains("Nothing to build");
    assert_golden(&world.data(), "after the other process ended");
}

/// A file system of so many bytes, only for the command in it. Full, then large enough.
const SMALL_DISK: &str = r#"
    mount -t tmpfs -o size="$2" tmpfs "$1" || exit 77
    "$0" run tiny --ingest direct --data "$1/data"
    status=$?
    mount -o remount,size=200m "$1" || exit 77
    "$0" run tiny --ingest direct --data "$1/data" --json >"$3/second.json" || exit 78
    cp -r "$1/data" "$3/data"
    exit $status
"#;

#[test]
fn a_full_disk() {
    // Where it is full at first: for the bus, for the bus or raw objects, for the warehouse.
    for size in ["64k", "300k", "1m"] {
        let world = World::new();
        let mount = world.folder().join("small");
        fs::create_dir(&mount).expect("writable");
        let output = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", SMALL_DISK, BINARY])
            .args([&mount, Path::new(size), world.folder()])
            .output();
        let output = match output {
            Ok(output)
                if !matches!(output.status.code(), Some(1 | 77)) || is_about_disk(&output) =>
            {
                output
            }
            _ => return println!("skipped: this machine lets nobody mount a small file system"),
        };
        let folder = world.folder().display().to_string();
        let ended = Ended::new(&output, format!("run tiny on a disk of {size}"), folder);
        let _ = ended.status(1).stderr_contains("make room");
        assert_golden(&world.data(), size);
    }
}

fn is_about_disk(output: &std::process::Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("No space left on device")
}

#[test]
fn a_file_that_may_not_grow() {
    let world = World::new();
    let limited = r#"trap '' XFSZ; ulimit -f "$2"; exec "$0" run tiny --ingest direct --data "$1""#;
    // In blocks of 512 bytes: too few for a new warehouse, for the bus, for the tables.
    for block_count in ["20", "200", "1100"] {
        let output = Command::new("sh")
            .args(["-c", limited, BINARY])
            .arg(world.data())
            .arg(block_count)
            .output()
            .expect("a shell");
        let folder = world.folder().display().to_string();
        let ended = Ended::new(&output, format!("{limited} {block_count}"), folder).status(1);
        let _ = ended.stderr_contains("File too large");
    }
    let _ = world.lakebed("run tiny --ingest direct").run().status(0);
    assert_golden(&world.data(), "after the limit was lifted");
}

#[test]
fn a_damaged_bus_or_warehouse_or_record() {
    for (name, file) in [
        ("damaged_bus", "bus.redb"),
        ("damaged_warehouse", "warehouse.duckdb"),
        ("damaged_record", "simulation.json"),
    ] {
        let world = World::with_tiny();
        let path = world.data().join(file);
        let mut damaged = File::create(&path).expect("writable");
        damaged.write_all(&[b'x'; 8192]).expect("writable");
        drop(damaged);
        let _ = world.lakebed("run tiny --ingest direct").run().status(1).stderr_is(name);
        if file == "warehouse.duckdb" {
            // As the hint says.
            fs::remove_file(&path).expect("writable");
            let _ = world.lakebed("build").run().status(0);
            assert_golden(&world.data(), "built again from raw");
        }
    }
}

/// Rows outside of the window would be there again after each build of another window.
#[test]
fn a_query_that_does_not_filter_by_its_window_is_refused() {
    let world = World::with_tiny().with_project();
    let before = world.query("select * from mart.active_users_by_plan order by 1, 2");
    for (file, filter) in [
        ("layers/mart/active_users_by_plan.sql", "activity_date between @from_date and @to_date"),
        ("layers/dimensional/fact_event.sql", "load_date between @from_date and @to_date"),
    ] {
        let edit = world.edit(file, filter, "true");
        let _ = world
            .lakebed("build --window-days 1")
            .run()
            .status(1)
            .stderr_contains("outside of the window")
            .stderr_contains("filter the query by");
        edit.undo();
        let _ = world.lakebed("build").run().status(0);
        assert_eq!(world.query("select * from mart.active_users_by_plan order by 1, 2"), before);
    }
}

#[test]
fn a_folder_without_data_is_not_fresh() {
    let world = World::new();
    for command in ["plan", "build", "query x"] {
        let _ = world.lakebed(command).run().status(2).stderr_contains("there is no data in");
    }
    assert!(!world.data().exists(), "nothing was made");
    let unbuilt = World::with_raw();
    for command in ["query x", "rejected"] {
        let said = unbuilt.lakebed(command).run().status(2);
        let _ = said.stderr_contains("no table is built yet").stderr_contains("lakebed build");
    }
}

#[test]
fn a_table_outside_of_a_layer_is_not_overlooked() {
    let world = World::with_raw().with_project();
    let _ = world.write("layers/mart_of_mine.sql", "select 1 as x");
    let _ = world.lakebed("plan").run().status(2).stderr_contains("in the folder of its layer");
}
