//! Targets without a cloud: what is said of a file that is wrong, and of what cannot be done.

use crate::harness::World;

const CLOUD: &str = r#"[target.cloud]
bus       = "pubsub"
raw_store = "cloud-storage"
project   = "my-project"
bucket    = "my-raw"
"#;

#[test]
fn a_target_is_one_of_the_file() {
    let world = World::new().with_project();
    let _ = world.lakebed("plan --target cloud").run().status(2).stderr_is("target_no_file");
    world.write("lakebed.toml", CLOUD);
    let _ = world.lakebed("plan --target cluod").run().status(2).stderr_is("target_unknown");
    world.write("lakebed.toml", &CLOUD.replace("bucket ", "bukcet "));
    let _ = world.lakebed("plan --target cloud").run().status(2).stderr_is("target_unknown_key");
    world.write("lakebed.toml", &CLOUD.replace("\"my-raw\"", "\"gs://my-raw\""));
    let _ = world.lakebed("plan --target cloud").run().status(2).stderr_is("target_wrong_bucket");
    let _ = world.lakebed("target check local").run().status(0).stdout_contains("the data folder");
    let _ = world.lakebed("tail").run().status(2).stderr_contains("belongs to the process");
}

#[cfg(not(feature = "google"))]
#[test]
fn a_cloud_that_was_not_built_in_is_said_to_be_missing() {
    let world = World::new().with_project();
    world.write("lakebed.toml", CLOUD);
    for verb in ["run tiny", "plan", "archive", "tail", "gateway --token x", "target check"] {
        let name = if verb == "target check" { "cloud" } else { "--target cloud" };
        let ran = world.lakebed(&format!("{verb} {name}")).run().status(2);
        let _ = ran.stderr_contains("cargo build --features google");
    }
    assert!(!world.data().join("bus.redb").exists());
}
