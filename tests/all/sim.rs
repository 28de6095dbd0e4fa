//! `lakebed sim` and `lakebed completions`: what other programs read.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, pipe},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::harness::{BINARY, World};

#[test]
fn a_line_is_a_message() {
    let world = World::with_tiny();
    let lines = world.lakebed("sim tiny").run().status(0).stdout;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines.lines() {
        let message: Value = serde_json::from_str(line).expect("an object a line");
        assert!(message["payload"].is_string() != message["payload_base64"].is_string(), "{line}");
        assert!(message["arrived_at"].as_str() > Some("2026-01-05"), "{line}");
        *counts.entry(message["source"].as_str().expect("a source").to_owned()).or_default() += 1;
    }
    // The same messages as those that came in by `run`.
    for (source, count) in &counts {
        let archived = world.query(&format!("select count(*) as n from raw.{source}"));
        assert_eq!(archived, format!("n\n{count}\n"), "{source}");
    }
    assert!(counts.contains_key("db_users") && counts.contains_key("mobile_events"), "{counts:?}");
    let day = world.lakebed("sim tiny --days 1 --source db_users").run().status(0).stdout;
    assert!(!day.is_empty() && day.lines().count() < lines.lines().count());
    assert!(!day.contains("\"2026-01-06T0"), "messages of the second day");
}

#[test]
fn payloads_go_into_ingest() {
    let world = World::new();
    let write = "sim tiny --source db_users --format payload --output db_users.ndjson";
    let _ = world.lakebed(write).run().status(0);
    let path = world.folder().join("db_users.ndjson");
    let line_count = fs::read(&path).expect("written").split(|byte| *byte == b'\n').count() - 1;
    let ingest = "ingest --arrived 2026-01-07T23:00:00Z db_users.ndjson --json";
    let json = world.lakebed(ingest).run().status(0).json();
    assert_eq!(json["files"][0]["message_count"], line_count);
    let _ = world.lakebed("build standardized.db_users").run().status(0);
    // The facts, not how they came: by the day on which they were loaded, they are the same changes.
    let own = "select count(distinct user_id || '/' || lsn) as n from standardized.db_users";
    assert_eq!(world.query(own), World::with_tiny().query(own));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::new();
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(BINARY);
    command.args(["sim", "tiny", "--data"]).arg(world.data()).stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().and_then(Child::wait_with_output).expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn messages_go_to_a_gateway() {
    let world = World::new();
    let mut gateway = Command::new(BINARY)
        .args(["gateway", "--listen", "127.0.0.1:0", "--token", "secret", "--data"])
        .arg(world.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let mut said = BufReader::new(gateway.stderr.take().expect("piped"));
    said.read_line(&mut line).expect("readable");
    let url = line.trim_start_matches("listening on ").split(';').next().expect("an address");
    let send = format!("sim tiny --days 1 --to {url} --token secret --json");
    let sent = world.lakebed(&send).run();
    let wrong = world.lakebed(&format!("sim tiny --to {url} --token guess")).run();
    let _ = Command::new("kill").arg(gateway.id().to_string()).status();
    let output = gateway.wait_with_output().expect("it ends");
    let sent = sent.status(0).json();
    let _ = wrong.status(1).stderr_contains("with that token?");
    let counted: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(sent["message_count"].as_u64() > Some(100), "{sent}");
    // What was sent again since a connection broke, as planned, comes twice.
    assert!(counted["messages"].as_u64() >= sent["message_count"].as_u64(), "{counted} {sent}");
    assert!(world.raw_objects().iter().any(|path| path.to_string_lossy().contains("db_users")));
}

#[test]
fn what_cannot_be_simulated() {
    let world = World::new();
    let _ =
        world.lakebed("sim tiny --source revenue").run().status(2).stderr_is("sim_unknown_source");
    let _ = world.lakebed("sim nowhere").run().status(2).stderr_is("sim_unknown_scenario");
    let _ =
        world.lakebed("sim tiny --to ws://127.0.0.1:1/").run().status(2).stderr_is("sim_no_token");
}

#[test]
fn shells_complete_every_verb() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.lakebed(&format!("completions {shell}")).run().status(0);
        for verb in ["run", "ingest", "drift", "init", "sim", "completions"] {
            assert!(script.stdout.contains(verb), "{shell} lacks {verb}");
        }
    }
}
