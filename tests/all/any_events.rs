//! Any file of events becomes a project: whatever its keys and values are, what `init` writes can be
//! read, passes `check`, is built, and has each message in one place.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use lakebed::{
    check::{self, Options},
    payload::profile::{Profile, Weight},
    prelude::Prelude,
    project::{Project, ProjectFiles},
    scaffold::{Chosen, Scaffold},
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::harness::{Call, World};

/// Keys that are something to SQL, to a path, to TOML, to a terminal, or to the generated tables.
const KEYS: &[&str] = &[
    "id",
    "ID",
    "Id",
    "user_id",
    "userId",
    "user.id",
    "user",
    "User",
    "user_hk",
    "event_id",
    "event",
    "event_type",
    "occurred_at",
    "created_at",
    "load_date",
    "message_id",
    "body",
    "reject_reason",
    "final",
    "typed",
    "parsed",
    "messages",
    "accepted",
    "told",
    "c",
    "e",
    "f",
    "day",
    "select",
    "order",
    "Order",
    "group",
    "from",
    "utm[source]",
    "a.b",
    "a",
    "A",
    "",
    " ",
    ".",
    "\"",
    "'",
    "it's",
    "\\",
    "a\\\"b",
    "*",
    "$",
    "$.a",
    "/",
    "~1",
    "[0]",
    "0",
    "2fa",
    "-",
    "--",
    "/*",
    "*/",
    "{{source}}",
    "`",
    "#",
    "\u{1}",
    "\n",
    "\u{7f}",
    "\u{85}",
    "\u{feff}",
    "名",
    "é",
    "%",
    "@from_date",
    "active_user_count",
    "new_user_count",
    "event_count",
    "value_total",
    "amount",
    "Amount",
    "amount_total",
    "__proto__",
];

fn key() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(KEYS).prop_map(str::to_owned);
    prop_oneof![6 => known, 1 => any::<String>(), 1 => "[a-zA-Z_.]{1,70}"]
}

fn value() -> impl Strategy<Value = Value> {
    let texts = proptest::sample::select(KEYS).prop_map(Value::from);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..20_i64).prop_map(Value::from),
        (0..4_u8).prop_map(|half| json!(f64::from(half) / 2.0 + 0.25)),
        texts,
        (1..28_u8).prop_map(|day| Value::from(format!("2026-01-{day:02}T10:00:00Z"))),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        let fields = vec((key(), inner.clone()), 0..4);
        let object = fields.prop_map(|fields| Value::Object(fields.into_iter().collect()));
        prop_oneof![3 => object, 1 => vec(inner, 0..3).prop_map(Value::Array)]
    })
}

/// Events that have most of the same fields, as those of one source do.
fn events() -> impl Strategy<Value = Vec<Value>> {
    let fields = vec((key(), vec(value(), 1..4)), 1..14);
    (fields, 1..8_usize).prop_map(|(fields, count)| {
        let event = |number: usize| {
            let own = fields.iter().enumerate().filter(|(at, _)| (number + at) % 5 != 4);
            own.map(|(_, (key, values))| (key.clone(), values[number % values.len()].clone()))
                .collect::<Map<String, Value>>()
        };
        (0..count).map(|number| Value::Object(event(number))).collect()
    })
}

/// The same cases each time, so that the gate fails for a change and never by chance.
fn for_some(cases: u32, test: impl Fn(&[Value]) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let found = TestRunner::new_with_rng(config, rng).run(&events(), |events| test(&events));
    if let Err(error) = found {
        panic!("{error}");
    }
}

fn lines(events: &[Value]) -> String {
    events.iter().fold(String::new(), |text, event| text + &event.to_string() + "\n")
}

/// Reads what would be written, without writing it: cheap enough for many cases.
#[test]
fn any_keys_make_files_that_can_be_read_and_pass_check() {
    let functions = lakebed_files::embedded();
    let path = Path::new("layers/functions/duckdb.sql");
    let functions = functions.get(path).expect("the binary has functions").to_string();
    for_some(60, |events| {
        let mut profile = Profile::default();
        for event in events {
            profile.observe(event, Weight::ONE);
        }
        let chosen = Chosen::default();
        let scaffold = Scaffold::propose("ev", "a test".to_owned(), &profile, &chosen);
        let mut files = ProjectFiles::default();
        files.insert(path, &functions);
        for (path, text) in scaffold.files("") {
            files.insert(path, &text);
        }
        let checked = check::check(&files, None, Vec::new(), Options { is_for_spark: false });
        let found: Vec<&String> = checked.findings.iter().map(|found| &found.message).collect();
        prop_assert!(found.is_empty(), "{found:?} of\n{}", lines(events));
        let project = Project::parse(&files);
        let project = project.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        prop_assert!(Prelude::duckdb(&project).is_ok());
        Ok(())
    });
}

/// A command in the project `own`.
fn inside(world: &World, line: &str) -> Call {
    let folder = world.folder().join("own");
    let data = folder.join("lakebed-data");
    let place = format!("--project {} --data {}", folder.display(), data.display());
    world.lakebed(&format!("{line} {place}")).elsewhere()
}

/// Accepted, rejected and duplicate messages, and how many are in none or several of these places.
fn places(world: &World) -> [u64; 4] {
    let sql = "select sum(accepted_count), sum(rejected_count), sum(duplicate_count), \
               sum(lost_count + repeated_count + invented_count) from standardized.reconciliation";
    let csv = inside(world, "query --format csv").arg(sql).run().status(0).stdout;
    let row = csv.lines().nth(1).expect("one row").split(',');
    let counts: Vec<u64> = row.map(|cell| cell.parse().expect("a number")).collect();
    counts.try_into().expect("four counts")
}

/// Begins a project with a file, takes the file in and builds.
fn built(file: &str, options: &str) -> World {
    let world = World::new();
    fs::write(world.folder().join("ev.ndjson"), file).expect("writable");
    let init = format!("init own --from ev.ndjson --source ev {options}");
    let said = world.lakebed(&init).run().status(0).stdout;
    let (_, steps) = said.split_once("What now:\n").expect("it says what now");
    let _ = world.shell(steps, &init);
    world
}

#[test]
fn any_keys_make_a_project_that_builds_and_loses_nothing() {
    for_some(8, |events| {
        let world = built(&lines(events), "");
        let [accepted, rejected, duplicate, wrong] = places(&world);
        let all = accepted + rejected + duplicate;
        prop_assert_eq!((all, wrong), (events.len() as u64, 0), "{}", lines(events));
        Ok(())
    });
}

/// Of each key there is one value, and the table has it.
#[test]
fn the_value_of_each_key_is_in_the_table() {
    let fields: Map<String, Value> = KEYS
        .iter()
        .enumerate()
        .filter(|(_, key)| !["event", "user"].contains(key))
        .map(|(at, key)| ((*key).to_owned(), Value::from(format!("value {at}"))))
        .collect();
    // A contract has up to sixty fields: two sources have all keys.
    let all: Vec<(String, Value)> = fields.into_iter().collect();
    for half in all.chunks(all.len().div_ceil(2)) {
        let event = Value::Object(half.iter().cloned().collect());
        let world = built(&lines(&[event]), "");
        let text = fs::read_to_string(world.folder().join("own/layers/raw/ev.toml"))
            .expect("the contract");
        let contract = lakebed::contract::source::SourceContract::parse(
            Path::new("ev.toml"),
            &text.as_str().into(),
        );
        let contract = contract.unwrap_or_else(|error| panic!("{error:?}"));
        let by_path: BTreeMap<String, String> =
            contract.paths().map(|(name, path)| (path.join("/"), name.to_owned())).collect();
        assert_eq!(by_path.len(), half.len(), "a key has no field");
        let mut sql = "select ".to_owned();
        for (number, (key, _)) in half.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            let _ = write!(sql, "{separator}event.{} as c{number}", by_path[key]);
        }
        sql.push_str(" from (select udf.parse_ev(payload) as event from raw.ev limit 1)");
        let found = inside(&world, "query --format csv").arg(&sql).run().status(0).stdout;
        let row: Vec<&str> = found.lines().nth(1).expect("one row").split(',').collect();
        for ((key, value), cell) in half.iter().zip(row) {
            assert_eq!(value.as_str(), Some(cell), "{key:?}");
        }
    }
}

#[test]
fn every_line_that_drift_offers_can_be_pasted() {
    let first = json!({ "id": "e1", "user_id": "u1", "at": "2026-01-05T10:00:00Z", "amount": 1 });
    let world = built(&lines(&[first]), "");
    let mut second = Map::from_iter([
        ("id".to_owned(), Value::from("e2")),
        ("at".to_owned(), Value::from("2026-01-06T10:00:00Z")),
        ("amount".to_owned(), Value::from(2)),
    ]);
    for key in KEYS {
        second.entry((*key).to_owned()).or_insert_with(|| Value::from("x"));
    }
    fs::write(world.folder().join("second.ndjson"), lines(&[Value::Object(second)]))
        .expect("writable");
    let ingest = "ingest --source ev --backfill at second.ndjson";
    let _ = inside(&world, ingest).run().status(0);
    let found = inside(&world, "drift --json").run().status(0).json();
    let offered = found.as_array().expect("a list").iter();
    let offered: Vec<&str> = offered.filter_map(|field| field["contract_line"].as_str()).collect();
    assert_eq!(offered.len(), KEYS.len() - 3, "all but those that the first event has");
    let contract = world.folder().join("own/layers/raw/ev.toml");
    let text = fs::read_to_string(&contract).expect("a contract");
    fs::write(&contract, format!("{}\n{}\n", text.trim_end(), offered.join("\n")))
        .expect("writable");
    let _ = inside(&world, "check").run().status(0).stdout_contains("No finding");
    let _ = inside(&world, "build").run().status(0);
    let _ = inside(&world, "drift").run().status(0).stdout_contains("No drift");
    assert_eq!(places(&world), [2, 0, 0, 0]);
}

/// Amplitude's `event_id` counts on each device: `uuid` names an event.
#[test]
fn a_favourite_name_whose_values_come_again_names_no_event() {
    let event = |user: u64, number: u64| {
        json!({
            "event_id": number,
            "uuid": format!("{user}e2cb{number}d0-93b1-11ef-b4f5-8b5b{user}2d5f{number}b1"),
            "user_id": format!("u{user}"),
            "event_time": format!("2026-07-01 10:0{number}:0{user}.000000"),
        })
    };
    let events: Vec<Value> = (1..=6).map(|n| event(n % 2, n.div_ceil(2))).collect();
    let world = built(&lines(&events), "");
    assert_eq!(places(&world), [6, 0, 0, 0]);
    let said = fs::read_to_string(world.folder().join("own/README.md")).expect("readable");
    assert!(said.contains("`uuid` names an event (11 points: "), "{said}");
}

/// The key of a row comes again with each change of the row.
#[test]
fn a_key_of_a_row_names_no_event_though_a_snapshot_has_each_once() {
    let change = |id: u64, op: &str, at: u64| {
        json!({
            "before": null, "after": { "id": id, "plan": op }, "op": op, "ts_ms": 1_767_607_200_000 + at,
        })
    };
    let snapshot = [change(1, "r", 0), change(2, "r", 0)];
    let world = built(&lines(&snapshot), "");
    let changes = [change(1, "u", 60_000), change(2, "u", 70_000), change(2, "d", 80_000)];
    fs::write(world.folder().join("changes.ndjson"), lines(&changes)).expect("writable");
    let _ = inside(&world, "ingest --source ev --backfill ts_ms changes.ndjson").run().status(0);
    let _ = inside(&world, "build").run().status(0);
    assert_eq!(places(&world), [5, 0, 0, 0]);
}

/// Ids collide: what is dropped as a copy and is none is counted apart, and a build warns of it.
#[test]
fn another_event_under_the_same_id_is_counted_apart() {
    let event = |id: u64, user: &str| json!({ "uuid": format!("id-{id}"), "user_id": user });
    let mut events: Vec<Value> = (0..20).map(|id| event(id, "a")).collect();
    events.extend([event(3, "a"), event(7, "b")]);
    let world = World::new();
    fs::write(world.folder().join("ev.ndjson"), lines(&events)).expect("writable");
    let _ = world.lakebed("init own --from ev.ndjson").run().status(0);
    let _ = inside(&world, "ingest --source ev ev.ndjson").run().status(0);
    let built = inside(&world, "build").run().status(0);
    let _ = built.stdout_contains(
        "a duplicate has the content of the message before it: differing_count = 0 (1",
    );
    assert_eq!(places(&world), [20, 0, 2, 0]);
    let sql = "select duplicate_count, differing_count from standardized.reconciliation";
    let found = inside(&world, "query --format csv").arg(sql).run().status(0).stdout;
    assert_eq!(found, "duplicate_count,differing_count\n2,1\n");
    let sql = "select event_id from standardized.ev_duplicates where has_other_content";
    let found = inside(&world, "query --format csv").arg(sql).run().status(0).stdout;
    assert_eq!(found, "event_id\nid-7\n");
}

/// Google Analytics, Maxwell and others name an event by several fields together.
#[test]
fn several_fields_name_an_event_together() {
    let event = |xid: u64, offset: Option<u64>| json!({ "xid": xid, "xoffset": offset, "n": 1 });
    let events = [
        event(1, Some(0)),
        event(1, Some(1)),
        event(11, Some(0)),
        event(1, Some(1)),
        event(2, None),
    ];
    let world = built(&lines(&events), "--id xid,xoffset");
    assert_eq!(places(&world), [3, 1, 1, 0]);
    let wrong = world.lakebed("init other --from ev.ndjson --id xid,offset").run().status(2);
    let _ = wrong.stderr_contains("no event has a field `offset`");
}

/// One event in which a text stands for an object takes no field away from the others.
#[test]
fn one_odd_event_is_rejected_and_takes_no_field_from_the_others() {
    let event = |number: u64| {
        let user = if number == 3 {
            json!("u3")
        } else {
            json!({ "id": format!("u{number}"), "plan": "free" })
        };
        json!({ "id": format!("e{number}"), "created_at": "2026-01-05T10:00:00Z", "user": user })
    };
    let events: Vec<Value> = (0..8).map(event).collect();
    let world = built(&lines(&events), "");
    assert_eq!(places(&world), [7, 1, 0, 0]);
    let sql = "select count(distinct user_id) as users, count(user_plan) as plans \
               from standardized.ev";
    let found = inside(&world, "query --format csv").arg(sql).run().status(0).stdout;
    assert_eq!(found, "users,plans\n7,7\n");
    let sql = "select event_id, reject_reason from standardized.ev_rejected";
    let found = inside(&world, "query --format csv").arg(sql).run().status(0).stdout;
    assert_eq!(found, "event_id,reject_reason\ne3,wrong_type\n");
}
