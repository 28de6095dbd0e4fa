//! `lakebed verify`: what it tries, what it finds, and that a failure can be tried again.

use std::fs;

use crate::harness::World;

const EVENTS: &str = "layers/standardized/mobile_events.sql";
/// Of copies within the lookback only the first of all is accepted, however long ago it was.
const ACCEPTED: &str = "or earlier_load_date < date_sub(load_date, interval @lookback_days day)";

#[test]
fn shipped_tables_hold() {
    let world = World::new();
    let ended = world.lakebed("verify mart.daily_active_users --cases 24 --json").run().status(0);
    let said = ended.json();
    assert_eq!(said["case_count"], 24, "{ended}");
    assert!(said["failure"].is_null(), "{ended}");
    assert_eq!(said["unverifiable"], serde_json::json!([]), "{ended}");
    assert!(said["table_count"].as_u64() > Some(10), "{ended}");
    let tried = said["cases"].as_object().expect("cases by property");
    assert_eq!(tried.len(), 12, "{ended}");
    assert!(!world.folder().join("verify-failures").exists(), "nothing failed");
}

#[test]
fn only_the_named_property_is_tried_until_the_time_is_up() {
    let world = World::new();
    let line = "verify standardized.db_products --property copies --cases 100000 --time-limit 1s";
    let ended = world.lakebed(line).run().status(0).stdout_contains("none failed");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{ended}");
    assert!(lines[1].trim_start().starts_with("copies"), "{ended}");
}

#[test]
fn a_broken_table_is_found_made_small_and_tried_again() {
    let world = World::new().with_project();
    let broken = world.edit(EVENTS, ACCEPTED, "or 1 = 0");
    let line = "verify standardized.mobile_events --cases 600";
    let ended = world.lakebed(line).run().status(1);
    let ended = ended
        .stdout_contains("standardized.mobile_events is wrong in")
        .stdout_contains("The messages, in the order in which they arrived:")
        .stdout_contains("verify --replay verify-failures/");
    let folder = fs::read_dir(world.folder().join("verify-failures"))
        .expect("the failure has a folder")
        .map(|entry| entry.expect("readable").path())
        .next()
        .expect("one failure");
    for name in ["messages.ndjson", "schedule.json", "difference.json"] {
        assert!(folder.join(name).exists(), "{name} is missing\n{ended}");
    }
    let tables = ["reference", "variation"].map(|side| {
        let path = folder.join(format!("standardized.mobile_events.{side}.csv"));
        fs::read_to_string(path).expect("both tables are there")
    });
    assert_ne!(tables[0], tables[1], "{ended}");
    let messages = fs::read_to_string(folder.join("messages.ndjson")).expect("messages");
    assert!((1..=10).contains(&messages.lines().count()), "{messages}");

    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let again = format!("verify --replay verify-failures/{name}");
    let repeated = world.lakebed(&format!("{again} --json")).run().status(1);
    assert_eq!(repeated.json()["table"], "standardized.mobile_events", "{repeated}");
    assert_eq!(repeated.json()["holds"], false, "{repeated}");
    broken.undo();
    let _ = world.lakebed(&again).run().status(0).stdout_contains("holds now");
}

#[test]
fn a_failure_is_told_to_scripts() {
    let world = World::new().with_project();
    let _ = world.edit(EVENTS, ACCEPTED, "or 1 = 0");
    let line = "verify standardized.mobile_events --property truth --cases 200 --json --out broken";
    let ended = world.lakebed(line).run().status(1);
    let failure = &ended.json()["failure"];
    assert_eq!(failure["property"], "truth", "{ended}");
    assert_eq!(failure["table"], "standardized.mobile_events", "{ended}");
    assert_eq!(failure["problem"]["kind"], "differs", "{ended}");
    let pair = &failure["problem"]["pairs"][0];
    assert!(pair["reference"].is_array() && pair["variation"].is_null(), "{ended}");
    let count = failure["message_count"].as_u64().expect("a count");
    assert!(Some(count) < failure["drawn_message_count"].as_u64(), "{ended}");
    let folder = failure["folder"].as_str().expect("a folder");
    assert!(folder.starts_with("broken") && world.folder().join(folder).is_dir(), "{ended}");
}

#[test]
fn what_cannot_be_verified_is_told() {
    let world = World::new();
    let _ = world.lakebed("verify --property speed").run().status(2).stderr_contains("rebuild");
    let _ = world.lakebed("verify mart.nothing").run().status(2).stderr_contains("mart.nothing");
    let _ = world.lakebed("verify --time-limit 90").run().status(2).stderr_contains("90");
    let _ = world.lakebed("verify --replay nowhere").run().status(2).stderr_contains("nowhere");
    let _ = world.lakebed("init own").elsewhere().run().status(0);
    let own = world.lakebed("--project own verify").elsewhere().run().status(2);
    let _ = own.stderr_contains("orders").stderr_contains("mobile_events");
}
