//! A command that reads changes nothing on disk, whatever state the data folder is in.

use std::{collections::BTreeMap, fs, path::PathBuf};

use duckdb::Connection;
use lakebed::data_folder::DataFolder;

use crate::harness::{World, files_under};

/// The commands that read, besides `query`.
const READING: [&str; 12] = [
    "plan",
    "plan --bytes",
    "growth tiny --years 0",
    "plan --json",
    "plan --accept-removed",
    "show",
    "show mart.daily_active_users",
    "show raw.db_orders",
    "check",
    "drift",
    "rejected mobile_events",
    "explain mart.daily_active_users --where true",
];

/// Every file of the data folder with its bytes.
fn bytes(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_under(&world.data(), &|_| true);
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap_or_default())).collect()
}

fn warehouse(world: &World) -> Connection {
    Connection::open(DataFolder::new(&world.data()).warehouse()).expect("a warehouse")
}

/// As an upgrade of the engine does: what was built was hashed by another version.
fn change_hash_version(world: &World) {
    let changed = warehouse(world)
        .execute("update lakebed.settings set value = 'other' where name = 'hash_version'", [])
        .expect("a setting");
    assert_eq!(changed, 1);
}

fn assert_changes_nothing(world: &World) {
    let before = bytes(world);
    for line in READING {
        let _ = world.lakebed(line).run();
        assert!(bytes(world) == before, "`lakebed {line}` changed the data folder");
    }
    let _ = world.lakebed("query").arg("select 1 as x").run();
    assert!(bytes(world) == before, "`lakebed query` changed the data folder");
}

#[test]
fn over_built_tables() {
    assert_changes_nothing(&World::with_tiny());
}

#[test]
fn over_messages_of_which_nothing_is_built() {
    let world = World::with_raw();
    let _ = world.lakebed("plan").run().status(0).stdout_contains("never built");
    assert_changes_nothing(&world);
}

#[test]
fn over_no_data() {
    let world = World::new();
    for line in READING {
        let _ = world.lakebed(line).run();
        assert!(!world.data().exists(), "`lakebed {line}` made a data folder");
    }
}

#[test]
fn over_what_a_killed_process_left_of_an_object() {
    let world = World::with_tiny();
    let object = world.raw_objects().into_iter().next().expect("an object");
    fs::write(object.with_file_name(".partial-left"), b"half").expect("it is written");
    assert_changes_nothing(&world);
}

#[test]
fn hashes_of_another_version_are_a_reason_and_readers_have_the_old_rows_until_it_is_built() {
    const ROWS: &str = "select * from mart.daily_active_users order by activity_date";
    const USERS: &str = "select count(*) as user_count from vault.hub_user";
    let world = World::with_tiny();
    let rows = (world.query(ROWS), world.query(USERS));
    change_hash_version(&world);
    assert_changes_nothing(&world);
    let plan = world.lakebed("plan").run().status(0);
    let plan = plan.stdout_contains("hashed by another version than duckdb");
    for table in ["standardized.mobile_events", "vault.hub_user", "mart.daily_active_users"] {
        let _ = plan.stdout.find(table).unwrap_or_else(|| panic!("no {table} in {}", plan.stdout));
    }
    assert_eq!((world.query(ROWS), world.query(USERS)), rows);

    // A build of a part leaves a mixture, which the next one ends.
    let _ = world.lakebed("build standardized.db_users --yes").run().status(0);
    let plan = world.lakebed("plan standardized.db_users").run().status(0);
    let _ = plan.stdout_contains("Nothing to build");
    let plan = world.lakebed("plan vault.sat_product").run().status(0);
    let _ = plan.stdout_contains("hashed by another version");
    assert_eq!((world.query(ROWS), world.query(USERS)), rows);
    let _ = world.lakebed("build --yes").run().status(0);
    assert_eq!((world.query(ROWS), world.query(USERS)), rows);
    let _ = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
}
