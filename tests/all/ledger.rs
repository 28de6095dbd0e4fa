//! What BigQuery would bill: the verbs over built tables.

use serde_json::Value;

use crate::harness::World;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_plan_says_what_it_would_scan_and_a_build_what_it_did() {
    let world = World::with_raw();
    let plan = world.lakebed("plan --bytes --json").run().status(0);
    let plan = json(&plan.stdout);
    let events = &plan["charges"]["standardized.mobile_events_checked"];
    assert!(events["billed_bytes"].as_u64() >= Some(10 << 20), "{events}");
    let build = world.lakebed("build --bytes --json").run().status(0);
    let build = json(&build.stdout);
    let scan = &build["standardized.mobile_events_checked"]["scan"];
    // The same statements, by sizes that were guessed before and are known now.
    let bytes = |value: &Value| value["processed_bytes"].as_u64().unwrap_or_default();
    let (guessed, known) = (bytes(events), bytes(scan));
    assert!(known > 0 && guessed > known / 4 && guessed < known * 4, "{guessed} and {known}");
}

#[test]
fn growth_and_cost_say_what_years_come_to() {
    let world = World::with_tiny();
    let growth = world.lakebed("growth tiny --years 1 --json").run().status(0);
    let growth = json(&growth.stdout);
    let tables = growth["tables"].as_array().expect("tables");
    let hub = tables.iter().find(|table| table["table"] == "vault.hub_user").expect("a hub");
    assert!(hub["powers"]["history"].as_f64() > Some(0.5), "{hub}");
    assert!(hub["blame"].as_str().is_some_and(|why| why.contains("vault.hub_user")), "{hub}");
    let event = tables.iter().find(|table| table["table"] == "dimensional.fact_event");
    let event = event.expect("a fact");
    assert!(event["powers"]["history"].as_f64() < Some(0.05), "{event}");
    assert!(event["blame"].is_null(), "{event}");

    let page = world.data().join("growth.html");
    let line = format!("growth tiny --years 1 --html {}", page.display());
    let _ = world.lakebed(&line).run().status(0).stdout_contains("vault.hub_user");
    let html = std::fs::read_to_string(page).expect("a page");
    assert!(html.contains("<svg") && !html.contains("http"), "it loads nothing");

    let _ = world
        .lakebed("cost tiny --years 1 --without partition")
        .run()
        .status(0)
        .stdout_contains("without partition");
    let _ = world
        .lakebed("cost tiny --years 1 --budget 1")
        .run()
        .status(1)
        .stderr_contains("the budget is $1.00");
}
