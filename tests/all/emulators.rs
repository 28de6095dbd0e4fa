//! The whole pipeline over emulators of Google Cloud: `cargo xtask google` starts them.

use std::env;

use crate::{
    goldens::{export, golden, without_arrival},
    harness::World,
};

/// A project with the target `emulators`, on names that no other test has.
fn world() -> World {
    let endpoint = |name: &str| {
        env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `cargo xtask google` sets it"))
    };
    let world = World::new().with_project();
    let folder =
        world.folder().file_name().expect("it has a name").to_string_lossy().to_lowercase();
    let name: String = folder.chars().filter(char::is_ascii_alphanumeric).collect();
    world.write(
        "lakebed.toml",
        &format!(
            r#"
[target.emulators]
bus       = "pubsub"
raw_store = "cloud-storage"
project   = "lakebed-test"
bucket    = "raw-{name}"
prefix    = "run{name}."
endpoints = {{ pubsub = "{}", storage = "{}" }}
"#,
            endpoint("LAKEBED_PUBSUB_EMULATOR"),
            endpoint("LAKEBED_STORAGE_EMULATOR")
        ),
    );
    world
}

#[test]
fn a_run_over_emulators_gives_the_golden_tables() {
    let world = world();
    let _ = world.lakebed("target check emulators").run().status(1).stdout_contains("missing");
    let _ =
        world.lakebed("target check emulators --create").run().status(0).stdout_contains(": there");
    let ran = world.lakebed("run tiny --target emulators").run().status(0);
    assert!(ran.stdout.contains("Everything is right."), "{}", ran.stdout);
    let found = export(&world.data());
    for (name, expected) in golden() {
        assert_eq!(without_arrival(&found[&name]), without_arrival(&expected), "{name}");
    }
    // The objects are in the bucket: without their copies here, nothing is missing.
    std::fs::remove_dir_all(world.data().join("raw")).expect("the copies are there");
    let planned = world.lakebed("plan --target emulators").run().status(0);
    assert!(planned.stdout.contains("Nothing to build"), "{}", planned.stdout);
}
