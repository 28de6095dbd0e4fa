//! Kills the real binary at each named place, runs it again to its end, and looks whether the tables
//! are those of a run that nothing disturbed. At any moment: `kills`.
//!
//! Phones whose acknowledgement died with the process send again, which no plan knows: how messages
//! came and how many copies there are may differ, and nothing else.

use crate::{
    goldens::{assert_golden, assert_same_but_for_copies},
    harness::World,
};

const SIGABRT: i32 = 6;

/// Kills a run each time that `place` was passed so often, then lets one through.
#[track_caller]
fn killed_at(place: &str, passed_counts: &[u32], ingest: &str) {
    for passed_count in passed_counts {
        let world = World::new();
        let run = format!("run tiny --ingest {ingest}");
        let fail_points = format!("{place}={passed_count}*off->1*return");
        let _ = world.lakebed(&run).env("FAILPOINTS", &fail_points).run().killed_by(SIGABRT);
        finish(&world, &run, &fail_points);
    }
}

/// Runs to the end; the tables are then right, and the next run has nothing to do.
#[track_caller]
pub fn finish(world: &World, run: &str, context: &str) {
    let _ = world.lakebed(run).run().status(0).stdout_contains("Everything is right.");
    let _ = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
    assert_same_but_for_copies(&world.data(), context);
}

#[test]
fn before_the_gateway_acknowledges() {
    killed_at("gateway::before_acknowledge", &[0, 4, 12], "gateway");
}

#[test]
fn after_the_gateway_acknowledged() {
    killed_at("gateway::after_acknowledge", &[0, 12], "gateway");
}

#[test]
fn before_the_bus_commits() {
    killed_at("bus::before_commit", &[0, 7, 30], "gateway");
}

#[test]
fn after_the_bus_committed() {
    killed_at("bus::after_commit", &[1, 24], "gateway");
}

#[test]
fn before_a_raw_object_has_its_name() {
    killed_at("raw_store::before_rename", &[0, 2, 4], "gateway");
}

#[test]
fn after_a_raw_object_has_its_name() {
    killed_at("raw_store::after_rename", &[0, 4], "direct");
}

#[test]
fn before_the_archiver_acknowledges() {
    killed_at("archiver::before_acknowledge", &[0, 2, 4], "gateway");
}

#[test]
fn after_the_archiver_acknowledged() {
    killed_at("archiver::after_acknowledge", &[0, 4], "direct");
}

/// Nothing is sent again here, so that the tables are the golden ones to the byte.
#[track_caller]
fn build_killed_at(place: &str, passed_counts: &[u32]) {
    for passed_count in passed_counts {
        let world = World::new();
        let run = "run tiny --ingest direct";
        let fail_points = format!("{place}={passed_count}*off->1*return");
        let _ = world.lakebed(run).env("FAILPOINTS", &fail_points).run().killed_by(SIGABRT);
        finish(&world, run, &fail_points);
        assert_golden(&world.data(), &fail_points);
    }
}

#[test]
fn between_the_statements_of_a_build() {
    build_killed_at("builder::within_statements", &[0, 5, 14]);
}

#[test]
fn after_the_statements_of_a_build() {
    build_killed_at("builder::after_statements", &[1, 16]);
}

#[test]
fn before_a_build_commits() {
    build_killed_at("builder::before_commit", &[0, 9, 18]);
}

#[test]
fn after_a_build_committed() {
    build_killed_at("builder::after_commit", &[2, 17]);
}

const EVENTS: &str = "select cast(sum(event_count) as bigint) as n from dimensional.fact_user_day";

/// A rebuild of what was there before: the killed transaction must not have taken the old rows away.
#[test]
fn while_a_changed_table_is_rebuilt() {
    for place in ["within_statements", "after_statements", "before_commit", "after_commit"] {
        let world = World::with_tiny().with_project();
        let file = "layers/dimensional/fact_user_day.sql";
        let undisturbed = world.query(EVENTS);
        let edit = world.edit(file, "count(*) as event_count", "count(*) + 1 as event_count");
        let fail_points = format!("builder::{place}=return");
        let _ = world.lakebed("build").env("FAILPOINTS", &fail_points).run().killed_by(SIGABRT);
        let is_committed = place == "after_commit";
        let is_changed = world.query(EVENTS) != undisturbed;
        assert_eq!(is_changed, is_committed, "{fail_points}");
        edit.undo();
        let _ = world.lakebed("build").run().status(0);
        assert_golden(&world.data(), &fail_points);
    }
}

/// A table with other columns is made aside and put in place after the commit. Whatever was reached of it,
/// the next build ends it.
#[test]
fn while_a_table_with_other_columns_is_put_in_place() {
    for (place, is_done) in
        [("before_commit", false), ("after_commit", true), ("within_finish", true)]
    {
        let world = World::with_tiny().with_project();
        let file = "layers/dimensional/fact_user_day.sql";
        let columns = world.edit(file, "*/\n", "one = { type = \"INT64\", about = \"1.\" }\n*/\n");
        let query = world.edit(file, "\nfinal as (\n  select", "\nbefore_one as (\n  select");
        let text = world.read(file).replace(
            "\nselect * from final",
            ",\n\nfinal as (\n  select *, 1 as one\n  from before_one\n)\n\nselect * from final",
        );
        let added = world.write(file, &text);
        let fail_points = format!("builder::{place}=return");
        let _ = world.lakebed("build").env("FAILPOINTS", &fail_points).run().killed_by(SIGABRT);
        let build = world.lakebed("build dimensional.fact_user_day").run().status(0);
        let built = format!("{fail_points}: {build}");
        assert_eq!(!build.stdout.contains("fact_user_day"), is_done, "{built}");
        let ones = world.query("select min(one) as n from dimensional.fact_user_day");
        assert_eq!(ones, "n\n1\n", "{built}");
        added.undo();
        query.undo();
        columns.undo();
        let _ = world.lakebed("build").run().status(0);
        assert_golden(&world.data(), &fail_points);
    }
}

#[test]
fn killed_again_and_again() {
    let world = World::new();
    let places = [
        "gateway::after_acknowledge=3*off->1*return",
        "bus::after_commit=20*off->1*return",
        "archiver::before_acknowledge=1*off->1*return",
        "archiver::before_acknowledge=1*off->1*return",
        "builder::before_commit=3*off->1*return",
        "builder::after_commit=3*off->1*return",
    ];
    for place in places {
        let _ = world.lakebed("run tiny").env("FAILPOINTS", place).run().killed_by(SIGABRT);
    }
    finish(&world, "run tiny", "killed six times");
}
