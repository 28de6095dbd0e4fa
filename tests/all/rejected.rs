//! Quarantine that people can work with: what was rejected, why, and judged again once the rule is
//! mended.

use std::{fs, path::Path};

use lakebed::{prelude::Prelude, project::Project};
use lakebed_duckdb::{Options, open_shared};
use serde_json::Value;

use crate::harness::{CHECKOUT, World};

/// `lakebed rejected --json`, by source.
fn rejected(world: &World, options: &str) -> Vec<Value> {
    let ended = world.lakebed(&format!("rejected --json {options}")).run().status(0);
    serde_json::from_str(&ended.stdout).expect("a list in JSON")
}

fn count_of(source: &Value, reason: &str) -> u64 {
    let dates = source["by_reason"][reason].as_object();
    dates.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// The file and the line of the rule that a sample names.
fn rule_of(sample: &Value) -> (String, String) {
    let rule = sample["rule"].as_str().expect("a rule");
    let (file, number) = rule.rsplit_once(':').expect("a file and a line");
    let text = fs::read_to_string(Path::new(CHECKOUT).join(file)).expect("a file of the project");
    let number: usize = number.parse().expect("a number");
    (file.to_owned(), text.lines().nth(number - 1).unwrap_or_default().to_owned())
}

#[test]
fn counts_are_those_of_the_tables_and_every_broken_payload_has_a_place() {
    let world = World::with_tiny();
    for source in rejected(&world, "--samples 1000") {
        let name = source["source"].as_str().expect("a name");
        let table = format!("select count(*) from standardized.{name}_rejected");
        let samples = source["samples"].as_array().expect("a list");
        assert_eq!(world.query(&table).lines().nth(1), Some(&*samples.len().to_string()), "{name}");
        for sample in samples {
            let reason = sample["reason"].as_str().expect("a reason");
            let is_no_json = ["not_utf8", "not_json"].contains(&reason);
            let is_of_contract = ["missing_key", "wrong_type"].contains(&reason);
            let has_place = is_no_json || is_of_contract;
            let has_place = has_place || ["too_late", "in_future"].contains(&reason);
            let problems = sample["problems"].as_array().expect("a list");
            assert_eq!(problems.len(), usize::from(has_place), "{sample}");
            if is_no_json {
                assert!(sample["rule"].is_null(), "{sample}");
                continue;
            }
            let (file, line) = rule_of(sample);
            if is_of_contract {
                assert_eq!(file, format!("layers/raw/{name}.toml"), "{sample}");
                let problem = problems[0].as_str().expect("a text");
                let field = line.split(' ').next().expect("a field's name");
                assert!(problem.contains(field), "{line} has nothing to do with: {problem}");
            } else {
                assert!(line.contains(&format!("'{reason}'")), "{file} has it not: {line}");
            }
        }
    }
    let _ = world
        .lakebed("rejected mobile_events --reason wrong_type --samples 100")
        .run()
        .status(0)
        .stdout_contains("which is not an integer")
        .stdout_contains("by app_version:")
        .lacks("unknown_event");
    let _ = world.lakebed("rejected nobody").run().status(2).stderr_contains("the sources are");
    let _ =
        world.lakebed("rejected --reason none").run().status(2).stderr_contains("the reasons are");
}

/// What the contract of `db_orders` says of a payload: the reason, the field to blame, and what could
/// be read all the same.
const JUDGED: [(&[u8], [&str; 4]); 12] = [
    (b"{\"a\":\xff}", ["not_utf8", "-", "-", "-"]),
    (b"{\"op\":\"insert\",", ["not_json", "-", "-", "-"]),
    (b"[{\"op\":\"insert\"}]", ["not_json", "-", "-", "-"]),
    (b"7", ["not_json", "-", "-", "-"]),
    (b"{}", ["missing_key", "op", "-", "-"]),
    // An empty text is a missing one, and what is missing comes before what is wrong.
    (
        br#"{"op":"insert","lsn":"x","committed_at":"","after":{"order_id":"o"}}"#,
        ["missing_key", "committed_at", "o", "-"],
    ),
    // Of two fields that of the contract's upper line.
    (
        br#"{"op":"insert","lsn":1,"committed_at":"2026-01-05","after":{"order_id":"o","placed_at":"y"}}"#,
        ["wrong_type", "committed_at", "o", "1"],
    ),
    (
        br#"{"op":"insert","lsn":1,"committed_at":"2026-01-05T10:00:00Z","after":{"order_id":"o","placed_at":""}}"#,
        ["wrong_type", "placed_at", "o", "1"],
    ),
    (
        br#"{"op":"insert","lsn":1.5,"committed_at":"2026-01-05T10:00:00Z","after":{"order_id":7}}"#,
        ["wrong_type", "lsn", "7", "-"],
    ),
    // The key is that of the row before the change where there is none after it.
    (
        br#"{"op":"delete","lsn":1,"committed_at":"2026-01-05T10:00:00Z","before":{"order_id":"o"},"after":null}"#,
        ["-", "-", "o", "1"],
    ),
    (
        br#"{"op":"update","lsn":1,"committed_at":"2026-01-05T10:00:00Z","before":{"order_id":"o"},"after":{"order_id":""}}"#,
        ["-", "-", "o", "1"],
    ),
    // What an operation may be is no business of the contract.
    (
        br#"{"op":"merge","lsn":1,"committed_at":"2026-01-05T10:00:00Z","after":{"order_id":"o"}}"#,
        ["-", "-", "o", "1"],
    ),
];

#[test]
fn the_contract_is_the_rule() {
    let options = Options { threads: Some(1), ..Options::default() };
    let project = Project::parse(&lakebed_files::embedded()).expect("the project");
    let prelude = Prelude::duckdb(&project).expect("functions");
    let warehouse = open_shared(None, options, &prelude).expect("in memory");
    let mut session = warehouse.session().expect("a session");
    for (payload, expected) in JUDGED {
        let hex = payload.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let sql = format!(
            "select told.reject_reason, told.reject_field, told.order_id, cast(told.lsn as varchar) \
             from (select udf.parse_db_orders(unhex('{hex}')) as told)"
        );
        let found = session.query(&sql).and_then(|rows| rows.text_rows()).expect("one row");
        let found: Vec<&str> = found[0].iter().map(|cell| cell.as_deref().unwrap_or("-")).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(payload));
    }
}

#[test]
fn messages_are_judged_again_when_the_rule_is_mended() {
    let world = World::with_tiny().with_project();
    let before = rejected(&world, "mobile_events");
    let accepted = |world: &World| -> u64 {
        let csv = world.query("select count(*) from standardized.mobile_events");
        csv.lines().nth(1).and_then(|count| count.parse().ok()).expect("a count")
    };
    let accepted_before = accepted(&world);
    assert!(count_of(&before[0], "unknown_event") > 0, "tiny has unknown events");
    let checked = "layers/standardized/mobile_events_checked.sql";
    let _ = world.edit(checked, "'app_opened',", "'app_opened', 'screen_blinked',");
    let _ = world
        .lakebed("plan standardized.mobile_events_rejected")
        .run()
        .status(0)
        .stdout_contains("its SQL changed");
    let _ = world.lakebed("build").run().status(0);
    let after = rejected(&world, "mobile_events");
    assert_eq!(count_of(&after[0], "unknown_event"), 0, "all of them were `screen_blinked`");
    assert!(accepted(&world) > accepted_before);
}
