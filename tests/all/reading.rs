//! `lakebed query` and `lakebed show`: what they print, for people and for scripts.

use std::{
    fs::{self, File},
    io::pipe,
    process::{Command, Stdio},
};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::{
    goldens::{golden_path, table_files},
    harness::{BINARY, World},
};

#[test]
fn a_query_prints_as_it_is_told() {
    const SQL: &str = "select activity_date, active_users from mart.daily_active_users order by 1";
    let world = World::with_tiny();
    let ask =
        |format: &str| world.lakebed(&format!("query {format}")).arg(SQL).run().status(0).stdout;
    let table = ask("");
    assert!(table.contains("| activity_date | active_users |"), "{table}");
    let csv = ask("--format csv");
    assert_eq!(csv.lines().next(), Some("activity_date,active_users"));
    let json = ask("--format json");
    assert_eq!(json, ask("--json"));
    for (row, line) in csv.lines().skip(1).zip(json.lines()) {
        let object: Value = serde_json::from_str(line).expect("an object a line");
        let (date, users) = row.split_once(',').expect("two columns");
        assert_eq!(object["activity_date"], date);
        assert_eq!(object["active_users"].to_string(), users);
    }
    assert_eq!((csv.lines().count(), json.lines().count()), (4, 3));

    let path = world.folder().join("days.parquet");
    let said = ask(&format!("--format parquet --output {}", path.display()));
    assert_eq!(said, "");
    let file = File::open(&path).expect("written");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    assert_eq!(reader.schema().field(1).name(), "active_users");
    let batches = reader.build().expect("readable");
    assert_eq!(batches.map(|batch| batch.expect("rows").num_rows()).sum::<usize>(), 3);
}

#[test]
fn the_warehouse_takes_what_it_may() {
    let world = World::with_tiny();
    let ask = |options: &str, setting: &str| {
        let sql = format!("select current_setting('{setting}')");
        let csv = format!("query --format csv {options}");
        world.lakebed(&csv).arg(&sql).run().status(0).stdout.lines().nth(1).map(str::to_owned)
    };
    assert_eq!(ask("--memory-limit 512MB", "memory_limit").as_deref(), Some("512.0 MiB"));
    assert_eq!(ask("--threads 3", "threads").as_deref(), Some("3"));
    let elsewhere = world.folder().join("elsewhere").display().to_string();
    let asked = ask(&format!("--temp-directory {elsewhere}"), "temp_directory");
    assert_eq!(asked, Some(elsewhere));
    for wrong in ["--memory-limit potatoes", "--threads 0"] {
        let _ = world.lakebed(&format!("query {wrong}")).arg("select 1").run().status(2);
    }
}

#[test]
fn a_query_without_rows_has_its_header() {
    let world = World::with_tiny();
    let none = "select user_hk from vault.hub_user where false";
    assert_eq!(world.query(none), "user_hk\n");
    let table = world.lakebed("query").arg(none).run().status(0);
    let _ = table.stdout_contains("| user_hk |");
}

#[test]
fn a_query_gives_the_golden_rows() {
    let world = World::with_tiny();
    for (name, file) in table_files().iter().filter(|(name, _)| name.layer() == "mart") {
        let grain = file.contract.grain.join(", ");
        let rows = world.query(&format!("select * from {name} order by {grain}"));
        assert_eq!(rows, fs::read_to_string(golden_path(name)).expect("a golden"));
    }
}

#[test]
fn show_lists_tables_and_says_everything_of_one() {
    let world = World::with_tiny();
    let all = world.lakebed("show").run().status(0).lacks("\u{1b}");
    for name in table_files().keys() {
        assert!(all.stdout.contains(name.as_str()), "{name} is not in\n{}", all.stdout);
    }
    let one = world.lakebed("show vault.hub_user").run().status(0);
    for part in [
        "one row per user_hk",
        "first_seen_at",
        "standardized.db_users_checked",
        "dimensional.dim_user",
        "2026-01-05",
    ] {
        assert!(one.stdout.contains(part), "`{part}` is not in\n{}", one.stdout);
    }
    assert_eq!(world.lakebed("show hub_user").run().status(0).stdout, one.stdout);
}

#[test]
fn show_says_everything_of_a_source() {
    let world = World::with_tiny();
    let _ = world.lakebed("show").run().status(0).stdout_contains("raw.db_orders");
    let source = world.lakebed("show raw.db_orders").run().status(0);
    for part in
        ["max_skew_days = 1", "placed_at", "standardized.db_orders_checked", "2026-01-05: 1"]
    {
        assert!(source.stdout.contains(part), "`{part}` is not in\n{}", source.stdout);
    }
    let json = world.lakebed("show raw.db_orders --json").run().status(0).json();
    assert_eq!(json["contract"]["fields"]["lsn"]["type"], "INT64");
    assert_eq!(json["object_count_by_load_date"]["2026-01-05"], 1);
}

/// The reader has gone before the first byte, as `… | head -0` has.
#[test]
fn a_closed_pipe_is_no_error() {
    let world = World::with_tiny();
    let query = ["query", "select * from standardized.mobile_events_checked"];
    let csv = ["query", "--format=csv", "select * from standardized.mobile_events_checked"];
    let json = ["query", "--format=json", "select * from standardized.mobile_events_checked"];
    let others: [&[&str]; 5] =
        [&["show"], &["show", "--json"], &["show", "hub_user"], &["plan"], &["build", "--json"]];
    for args in [&query[..], &csv, &json].into_iter().chain(others) {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(BINARY);
        command.args(args).arg("--data").arg(world.data()).stdout(writer).stderr(Stdio::piped());
        let output =
            command.spawn().and_then(std::process::Child::wait_with_output).expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}
