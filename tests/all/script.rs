//! What `build --emit-script` writes, run by DuckDB alone, gives the same warehouse.

use std::{fs, path::Path};

use lakebed::prelude::Prelude;
use lakebed_duckdb::{Options, open_shared};

use crate::{
    goldens::export,
    harness::{World, copy_folder},
};

/// Runs a script over the warehouse of a data folder; nothing of lakebed is in it before.
fn run(data: &Path, script: &Path) {
    fs::create_dir_all(data).expect("writable");
    let options = Options { threads: Some(2), ..Options::default() };
    let path = data.join("warehouse.duckdb");
    let warehouse = open_shared(Some(&path), options, &Prelude::default()).expect("a database");
    let mut session = warehouse.session().expect("a session");
    for file in ["setup.sql", "build.sql"] {
        let text = fs::read_to_string(script.join(file)).expect("a script");
        session.execute(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

/// Brings in one more event, of a day that was built.
fn a_late_file(world: &World) {
    let event = r#"{"event_id":"late","event_name":"app_opened","user_id":"somebody","session_id":"late","sequence":1,"occurred_at":"2026-01-05T23:50:00.000000Z","functionality":"feed","app_version":"14.2"}"#;
    let file = world.folder().join("mobile_events.late.ndjson");
    fs::write(&file, event).expect("writable");
    let ingest = world.lakebed("ingest --arrived 2026-01-06T18:00:00Z");
    let _ = ingest.arg(&file.display().to_string()).run().status(0);
}

#[test]
fn a_script_gives_what_the_build_gave_that_wrote_it() {
    // With the bus that numbered its messages: a new one would give a number twice.
    let world = World::with_tiny();
    fs::remove_file(world.data().join("warehouse.duckdb")).expect("it was built");
    let alone = World::new();
    for (name, prepare) in [("first", (|_| ()) as fn(&World)), ("second", a_late_file)] {
        prepare(&world);
        let script = world.folder().join(name);
        let build = world.lakebed("build --emit-script");
        let _ = build.arg(&script.display().to_string()).run().status(0);
        let setup = fs::read_to_string(script.join("setup.sql")).expect("a script");
        assert!(!setup.contains("load_date=2026"), "it does not grow with the raw layer");
        run(&alone.data(), &script);
        assert_eq!(export(&alone.data()), export(&world.data()), "{name}");
        // The journal is among it: with the same raw layer there is nothing to do.
        copy_folder(&world.data().join("raw"), &alone.data().join("raw"));
        let plan = alone.lakebed("plan").run().status(0);
        let _ = plan.stdout_contains("Nothing to build");
    }
}

#[test]
fn a_script_is_not_mixed_with_another() {
    let world = World::with_raw();
    let script = world.folder().join("script");
    fs::create_dir_all(script.join("old")).expect("writable");
    let build = world.lakebed("build --emit-script").arg(&script.display().to_string());
    let _ = build.run().status(2).stderr_contains("is not empty");
    let spark = world.lakebed("build --engine spark --emit-script new");
    let _ = spark.run().status(2).stderr_contains("a script is what DuckDB runs");
}
