//! `lakebed ingest` and `lakebed drift`: files of messages, each message once, whatever happens.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use lakebed::{archiver::message_attributes, contract::BuildKind};

use crate::{
    goldens::{Tables, export, table_files},
    harness::{BINARY, Ended, World},
};

const SIGABRT: i32 = 6;
const LATE: &str = "\
{\"event_id\":\"late-1\",\"event_name\":\"app_opened\",\"user_id\":\"u-late\",\"sequence\":1,\"occurred_at\":\"2026-01-06T10:00:00Z\",\"properties\":{\"coupon\":\"X\"}}
{\"event_id\":\"late-1\",\"event_name\":\"app_opened\",\"user_id\":\"u-late\",
{\"event_id\":\"late-2\",\"event_name\":\"app_opened\",\"user_id\":\"u-late\",\"sequence\":2,\"occurred_at\":\"2026-01-06T11:00:00Z\"}
";
const ARRIVED: &str = "--arrived 2026-01-07T12:00:00Z";

/// Writes a file beside the data folder.
fn file(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.folder().join(name);
    fs::write(&path, text).expect("writable");
    path
}

/// How many different messages the raw layer has.
fn archived_count(world: &World) -> usize {
    let objects = world.raw_objects().into_iter();
    let ids = objects.flat_map(|path| {
        let bytes = fs::read(path).expect("readable");
        message_attributes(bytes.into()).expect("an object of the archiver")
    });
    ids.map(|message| message.message_id).collect::<BTreeSet<_>>().len()
}

fn changed_tables(before: &Tables, after: &Tables) -> BTreeSet<String> {
    let is_changed = |name: &&lakebed::contract::TableName| before[*name] != after[*name];
    after.keys().filter(is_changed).map(ToString::to_string).collect()
}

#[test]
fn a_past_that_arrives_at_once_is_told_how_to_arrive() {
    let world = World::new();
    file(&world, "mobile_events-past.ndjson", LATE);
    let way_out = "--backfill occurred_at";
    let said = world.lakebed(&format!("ingest {ARRIVED} mobile_events-past.ndjson")).run();
    assert!(!said.status(0).stdout.contains(way_out));
    let late = "ingest --arrived 2026-02-07T12:00:00Z mobile_events-past.ndjson";
    let _ = world.lakebed(late).run().status(0).stdout_contains(way_out);
    let built = world.lakebed("build standardized.mobile_events_rejected").run().status(0);
    let _ = built.stdout_contains("Most messages of mobile_events were rejected");
}

#[test]
fn late_events_change_what_a_full_rebuild_changes_and_nothing_else() {
    let world = World::with_tiny();
    let before = export(&world.data());
    file(&world, "mobile_events-late.ndjson", LATE);
    let said =
        world.lakebed(&format!("ingest {ARRIVED} mobile_events-late.ndjson")).run().status(0);
    let _ = said
        .stdout_contains("mobile_events-late.ndjson: 3 messages of mobile_events")
        .stdout_contains("load date 2026-01-07: 3")
        .stdout_contains("properties.coupon in 1 messages since 2026-01-07")
        .stdout_contains("build");
    let plan = world.lakebed("plan").run().status(0);
    let _ = plan.stdout_contains("build 1 partition (2026-01-07): raw.mobile_events changed");
    let built = world.lakebed("build --json").run().status(0).json();
    let after = export(&world.data());

    let rebuilt = World::new();
    crate::harness::copy_folder(&world.data().join("raw"), &rebuilt.data().join("raw"));
    let _ = rebuilt.lakebed("build").run().status(0);
    let full = export(&rebuilt.data());
    assert_eq!(changed_tables(&after, &full), BTreeSet::new(), "a full rebuild differs");

    let changed = changed_tables(&before, &after);
    assert!(changed.contains("mart.daily_active_users"), "{changed:?}");
    let tables = built.as_object().expect("tables");
    let said = tables.iter().filter(|(_, table)| table["changed_partition_count"] != 0);
    let said: BTreeSet<String> = said.map(|(name, _)| name.clone()).collect();
    // An inferred row of a history changes what it holds and nothing that its readers see.
    let is_history = |name: &String| {
        let file = table_files().into_iter().find(|(known, _)| known.as_str() == name);
        file.is_some_and(|(_, file)| file.contract.build == BuildKind::History)
    };
    let unsaid: Vec<&String> = changed.difference(&said).filter(|name| !is_history(name)).collect();
    assert_eq!(unsaid, Vec::<&String>::new(), "these changed, and the build did not say so");
    let _ = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
}

#[test]
fn the_same_file_is_taken_once_and_again_only_if_told() {
    let world = World::with_tiny();
    let before = archived_count(&world);
    file(&world, "mobile_events.ndjson", LATE);
    file(&world, "mobile_events-copy.ndjson", LATE);
    let ingest = format!("ingest {ARRIVED} mobile_events.ndjson");
    let _ = world.lakebed(&ingest).run().status(0);
    let _ = world.lakebed(&ingest).run().status(0).stdout_contains("in already, 3 messages");
    let copy = format!("ingest {ARRIVED} mobile_events-copy.ndjson");
    let _ = world.lakebed(&copy).run().status(0).stdout_contains("in already");
    assert_eq!(archived_count(&world), before + 3);
    let json = world.lakebed(&format!("{ingest} --again --json")).run().status(0).json();
    assert_eq!(json["files"][0]["message_count"], 3);
    assert_eq!(json["drift"][0]["path"], "properties.coupon");
    assert_eq!(archived_count(&world), before + 6);
    let _ = world.lakebed("build").run().status(0);
    let sent_again = "select count(*) as n from standardized.mobile_events_duplicates \
                      where event_id in ('late-1', 'late-2')";
    assert_eq!(world.query(sent_again), "n\n2\n");
    let ended = world.lakebed("run tiny --ingest direct").run().status(0);
    let _ = ended.stdout_contains("is not compared: files were ingested");
}

/// Three groups of messages, so that it can be killed between two.
#[test]
fn a_bus_that_is_made_anew_gives_no_id_again() {
    let world = World::new();
    file(&world, "mobile_events-first.ndjson", LATE);
    let _ = world.lakebed(&format!("ingest {ARRIVED} mobile_events-first.ndjson")).run().status(0);
    assert_eq!(archived_count(&world), 3);
    fs::remove_file(world.data().join("bus.redb")).expect("the bus's file");
    file(&world, "mobile_events-second.ndjson", &LATE.replace("late-", "later-"));
    let _ = world.lakebed(&format!("ingest {ARRIVED} mobile_events-second.ndjson")).run().status(0);
    // Also when the new bus is opened again.
    file(&world, "mobile_events-third.ndjson", &LATE.replace("late-", "latest-"));
    let _ = world.lakebed(&format!("ingest {ARRIVED} mobile_events-third.ndjson")).run().status(0);
    assert_eq!(archived_count(&world), 9);
}

fn many_lines() -> String {
    let lines: Vec<String> =
        (0..25_000).map(|number| format!("{{\"event_id\":\"e{number}\"}}\n")).collect();
    lines.concat()
}

#[test]
fn wherever_it_is_killed_each_message_is_there_once() {
    const INGEST: &str = "ingest --arrived 2026-01-05T12:00:00Z mobile_events.ndjson";
    for place in [
        "event_files::after_begin=1*return",
        "bus::before_commit=3*off->1*return",
        "bus::after_commit=3*off->1*return",
        "event_files::after_publish=1*return",
        "event_files::after_publish=2*off->1*return",
        "archiver::before_acknowledge=1*return",
        "archiver::after_acknowledge=1*return",
        "event_files::before_complete=1*return",
    ] {
        let world = World::new();
        file(&world, "mobile_events.ndjson", &many_lines());
        let _ = world.lakebed(INGEST).env("FAILPOINTS", place).run().killed_by(SIGABRT);
        // Once more, so that a resumed ingestion is killed, too.
        let twice =
            world.lakebed(INGEST).env("FAILPOINTS", "event_files::before_complete=1*return");
        let _ = twice.run().killed_by(SIGABRT);
        let json = world.lakebed(&format!("{INGEST} --json")).run().status(0).json();
        assert_eq!(archived_count(&world), 25_000, "{place}");
        assert_eq!(json["files"][0]["message_count_by_load_date"]["2026-01-05"], 25_000, "{place}");
        let _ = world.lakebed(INGEST).run().status(0).stdout_contains("in already");
    }
}

#[test]
fn a_past_of_many_days_gets_its_own_load_dates() {
    let world = World::new();
    let lines = "{\"meta\":{\"at\":\"2024-02-28T23:59:59+00:00\"}}\nbroken\n\
                 {\"meta\":{\"at\":1709251200000}}\n{\"meta\":{\"at\":\"9999-01-01\"}}\n\
                 {\"meta\":{\"at\":\"2024-02-28 10:00:00\"}}\n";
    file(&world, "db_users.ndjson", lines);
    let ingest = "ingest --backfill meta.at db_users.ndjson";
    let said = world.lakebed(ingest).run().status(0);
    let _ = said
        .stdout_contains("load date 2024-02-28: 3")
        .stdout_contains("load date 2024-03-01: 2")
        .stdout_contains("2 did not say when they arrived");
    let _ = world.lakebed("build standardized.db_users_rejected").run().status(0);
    let reasons = "select load_date, reject_reason, count(*) as n \
                   from standardized.db_users_rejected group by all order by all";
    assert_eq!(
        world.query(reasons),
        "load_date,reject_reason,n\n2024-02-28,missing_key,2\n2024-02-28,not_json,1\n\
         2024-03-01,missing_key,2\n"
    );
}

#[test]
fn stdin_and_gzip_are_files_too() {
    let world = World::new();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(LATE.as_bytes()).expect("into memory");
    let path = world.folder().join("mobile_events.ndjson.gz");
    fs::write(path, packed.finish().expect("into memory")).expect("writable");
    let packed = world.lakebed("ingest mobile_events.ndjson.gz").run().status(0);
    let _ = packed.stdout_contains("3 messages of mobile_events");
    assert_eq!(archived_count(&world), 3);

    let mut child = Command::new(BINARY)
        .args(["ingest", "--source", "mobile_events", "-", "--data"])
        .arg(world.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("piped").write_all(LATE.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let folder = world.folder().display().to_string();
    let ended = Ended::new(&output, "ingest -".to_owned(), folder).status(0);
    // The bytes in the file were packed: these are others.
    let _ = ended.stdout_contains("stdin: 3 messages of mobile_events");
    assert_eq!(archived_count(&world), 6);
}

/// The elements of a list, objects over several lines, and several objects on one line are messages
/// as they stand.
#[test]
fn json_in_other_forms_than_one_object_a_line_is_read() {
    let pretty = "{\n  \"event_id\": \"a\"\n}\n{\n  \"event_id\": \"}{\"\n}\n";
    for (name, text, payloads) in [
        ("list", "[\n {\"event_id\":\"a\"},\n {\"event_id\": }, 7\n]\n", 3),
        ("pretty", pretty, 2),
        ("joined", "{\"event_id\":\"a\"}{\"event_id\":\"b\"}\n{\"event_id\":\"c\"}\n", 3),
    ] {
        let world = World::new();
        file(&world, "mobile_events.json", text);
        let said = world.lakebed(&format!("ingest {ARRIVED} mobile_events.json")).run().status(0);
        let _ = said.stdout_contains(&format!("{payloads} messages of mobile_events"));
        assert_eq!(archived_count(&world), payloads, "{name}");
        let _ = world.lakebed("build standardized.mobile_events_rejected").run().status(0);
        let reasons = "select reject_reason, count(*) as n from standardized.mobile_events_rejected \
                       group by all order by all";
        let expected = match name {
            "list" => "reject_reason,n\nmissing_key,1\nnot_json,2\n".to_owned(),
            _ => format!("reject_reason,n\nmissing_key,{payloads}\n"),
        };
        assert_eq!(world.query(reasons), expected, "{name}");
    }
}

/// A phone whose clock is ahead: its event is accepted, and counts when its day has come.
#[test]
fn an_event_of_tomorrow_is_said_to_wait() {
    let world = World::new();
    let event = |id: &str, at: &str| {
        format!(
            "{{\"event_id\":\"{id}\",\"event_name\":\"app_opened\",\"user_id\":\"u\",\"sequence\":1,\
             \"occurred_at\":\"{at}\"}}\n"
        )
    };
    let now = event("e1", "2026-01-05T23:57:00Z");
    file(&world, "mobile_events.ndjson", &(now + &event("e2", "2026-01-06T00:03:00Z")));
    let ingest = "ingest --arrived 2026-01-05T23:58:00Z mobile_events.ndjson";
    let _ = world.lakebed(ingest).run().status(0);
    let waits = "Rows of days up to 2026-01-06 wait: 1 of dimensional.fact_event";
    let _ = world.lakebed("build").run().status(0).stdout_contains(waits);
    let _ = world.lakebed("plan").run().status(0).stdout_contains(waits);
    let _ = world.lakebed("plan vault.hub_user").run().status(0).lacks("wait");
    let explain = world.lakebed("explain mart.daily_active_users --where");
    let said = explain.arg("activity_date = '2026-01-06'").run().status(2);
    let _ = said.stderr_contains("a mart ends with the last load date");
    file(&world, "mobile_events-b.ndjson", &event("e3", "2026-01-06T10:00:00Z"));
    let ingest = "ingest --arrived 2026-01-06T10:00:00Z mobile_events-b.ndjson";
    let _ = world.lakebed(ingest).run().status(0);
    let _ = world.lakebed("build").run().status(0).lacks(" wait");
    let sql = "select sum(event_count) as n from mart.daily_active_users";
    assert_eq!(world.query(sql), "n\n3\n");
}

#[test]
fn a_file_that_cannot_be_taken() {
    let world = World::with_tiny();
    let before = export(&world.data());
    file(&world, "mobile_events.ndjson", LATE);
    file(&world, "events.ndjson", LATE);
    file(&world, "mobile_events-list.json", "[\n {},\n {\n");
    file(&world, "mobile_events.csv", "event_id,occurred_at\ne1,2026-01-05\n");
    let bytes = |name: &str, bytes: &[u8]| {
        fs::write(world.folder().join(name), bytes).expect("writable");
    };
    bytes("mobile_events.zip", b"PK\x03\x04\x14\0");
    bytes("mobile_events.json", b"\xff\xfe{\0}\0");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(LATE.as_bytes()).expect("into memory");
    let packed = packed.finish().expect("into memory");
    bytes("mobile_events.ndjson.gz", &packed[..packed.len() - 9]);
    for (name, line) in [
        ("ingest_missing_file", "ingest --source db_users nowhere.ndjson"),
        ("ingest_unknown_source", "ingest --source revenue mobile_events.ndjson"),
        ("ingest_untold_source", "ingest events.ndjson"),
        ("ingest_no_now", "ingest mobile_events.ndjson"),
        ("ingest_unclosed", "ingest --arrived 2026-01-05T00:00:00Z mobile_events-list.json"),
        ("ingest_csv", "ingest --backfill occurred_at mobile_events.csv"),
        ("ingest_zip", "ingest --arrived 2026-01-05T00:00:00Z mobile_events.zip"),
        ("ingest_utf16", "ingest --arrived 2026-01-05T00:00:00Z mobile_events.json"),
        ("ingest_broken_gzip", "ingest --arrived 2026-01-05T00:00:00Z mobile_events.ndjson.gz"),
        ("ingest_no_time", "ingest --backfill properties.at mobile_events.ndjson"),
        ("drift_unknown_source", "drift revenue"),
    ] {
        let _ = world.lakebed(line).run().status(2).stderr_is(name);
    }
    let said = world.lakebed("ingest mobile_events.ndjson --json").run().status(2);
    let error: serde_json::Value = serde_json::from_str(&said.stderr).expect("one JSON object");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--arrived")), "{error}");
    assert_eq!(changed_tables(&before, &export(&world.data())), BTreeSet::new());
    let empty = World::new();
    file(&empty, "mobile_events.ndjson", "\n\n");
    let said = empty.lakebed("ingest mobile_events.ndjson").run().status(0);
    let _ = said.stdout_contains("0 messages of mobile_events");
    let future = empty.lakebed("ingest --arrived 2099-01-01T00:00:00Z mobile_events.ndjson").run();
    let _ = future.status(2).stderr_is("ingest_yet_to_come");
}

#[test]
fn a_data_folder_is_on_one_clock() {
    let simulated = World::with_tiny();
    let gateway = "gateway --token secret --listen 127.0.0.1:0";
    let _ = simulated.lakebed(gateway).run().status(2).stderr_is("gateway_on_simulated_time");
    let own = World::new();
    file(&own, "mobile_events.ndjson", LATE);
    let _ = own.lakebed("ingest mobile_events.ndjson").run().status(0);
    let run = own.lakebed("run tiny --ingest direct").run();
    let _ = run.status(2).stderr_is("run_on_machine_time");
}

#[test]
fn drift_says_what_is_new_since_when_and_what_to_write() {
    let world = World::with_tiny().with_project();
    let none = world.lakebed("drift").run().status(0);
    let _ = none.stdout_contains("No drift");
    file(&world, "mobile_events.ndjson", LATE);
    let _ = world.lakebed(&format!("ingest {ARRIVED} mobile_events.ndjson")).run().status(0);
    let line =
        r#"coupon = { type = "STRING", path = "properties.coupon", about = "Such as `'X'`." }"#;
    let said = world.lakebed("build").run().status(0).stdout_contains(line);
    let _ = said.stdout_contains("properties.coupon in 1 messages since 2026-01-07");
    let again = world.lakebed("build").run().status(0);
    let _ = again.lacks("Drift");
    let _ = world.lakebed("drift --to 2026-01-06").run().status(0).stdout_contains("No drift");
    let json = world.lakebed("drift mobile_events --json").run().status(0).json();
    assert_eq!(json[0]["contract_line"], line);
    assert_eq!(json[0]["message_count"], 1);
    // The line is taken as it is.
    let contract = "layers/raw/mobile_events.toml";
    let text = world.read(contract);
    let _ = world.write(contract, &format!("{text}{line}\n"));
    let _ = world.lakebed("drift").run().status(0).stdout_contains("No drift");
    let _ = world.lakebed("plan").run().status(0).stdout_contains("its functions changed");
}
