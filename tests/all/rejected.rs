//! Quarantine that people can work with: what was rejected, why, and judged again once the rule is
//! mended.

use std::{fs, path::Path};

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
