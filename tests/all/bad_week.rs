//! A week in which a lot goes wrong comes out right: every number that the simulator knows.

use crate::harness::World;

#[test]
fn a_bad_week_comes_out_right() {
    let world = World::new();
    let said = world.lakebed("run bad-week --ingest direct").run().status(0);
    let _ = said.stdout_contains("Everything is right.");
    // What the scenario is for: of each kind of trouble there is more than here and there.
    let count = |query: &str| -> i64 {
        let csv = world.query(query);
        csv.lines().last().and_then(|number| number.parse().ok()).expect("a number")
    };
    let messages = count("select count(*) from standardized.mobile_events_checked");
    assert!((2_000..4_000).contains(&messages), "{messages} messages");
    let duplicates = count("select count(*) from standardized.mobile_events_duplicates");
    assert!(duplicates * 5 > messages, "{duplicates} duplicates of {messages}");
    let reasons =
        count("select count(distinct reject_reason) from standardized.mobile_events_rejected");
    assert!(reasons >= 6, "{reasons} reasons to reject");
}
