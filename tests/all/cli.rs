//! The command line: what `run`, `plan` and `build` say, and what becomes stale.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use bytes::Bytes;
use lakebed::{
    archiver::{encode_object, object_key},
    bus::{Message, MessageId},
    clock::MicrosUtc,
};
use serde_json::Value;

use crate::{
    goldens::{assert_golden, table_files},
    harness::World,
};

const VERBS: [&str; 14] = [
    "run",
    "gateway",
    "archive",
    "tail",
    "target",
    "ingest",
    "plan",
    "build",
    "query",
    "show",
    "drift",
    "init",
    "sim",
    "completions",
];

/// How many partitions each table had built, from the JSON of `build` and `run`; zeros left out.
fn built(json: &Value) -> BTreeMap<String, u64> {
    let tables = json.as_object().expect("an object by table");
    let count = |table: &Value| table["partition_count"].as_u64().expect("a count");
    tables.iter().map(|(name, table)| (name.clone(), count(table))).filter(|t| t.1 > 0).collect()
}

/// The stale tables of a plan with the reasons, and the tables that may follow.
fn planned(world: &World) -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let json = world.lakebed("plan --json").run().status(0).json();
    let (mut stale, mut followers) = (BTreeMap::new(), BTreeSet::new());
    for table in json.as_array().expect("a list of tables") {
        let name = table["table"].as_str().expect("a name").to_owned();
        let partitions = table["stale"].as_array().expect("a list");
        let reasons = partitions.iter().map(|stale| stale["reason"].as_str().expect("a reason"));
        if !partitions.is_empty() {
            stale.insert(name.clone(), reasons.map(str::to_owned).collect());
        }
        let may_follow = table["may_follow"].as_array().is_some_and(|list| !list.is_empty());
        if may_follow || table["may_follow_more"] == true {
            followers.insert(name);
        }
    }
    (stale, followers)
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Only these tables are stale, for that reason, and only those may follow.
#[track_caller]
fn assert_planned(world: &World, stale: &[(&str, &str)], followers: &[&str]) {
    let expected: BTreeMap<String, BTreeSet<String>> =
        stale.iter().map(|(name, reason)| ((*name).to_owned(), names(&[reason]))).collect();
    assert_eq!(planned(world), (expected, names(followers)));
}

#[test]
fn a_run_says_that_everything_is_right_and_the_next_has_nothing_to_do() {
    let world = World::new();
    let first = world.lakebed("run tiny").run().status(0).lacks("\u{1b}").lacks("\r");
    let first = first.stdout_contains("Everything is right.").stdout_contains("Scenario `tiny`");
    assert_eq!(first.stderr, "", "a pipe gets no progress");
    let archived = world.query("select count(*) as n from raw.mobile_events");
    let count = archived.trim_start_matches("n\n").trim();
    let _ = first.stdout_contains(&format!("archived:  {count} messages of mobile_events"));

    let second = world.lakebed("run tiny").run().status(0);
    let _ = second.stdout_contains("Nothing to build").stdout_contains("Everything is right.");
    let json = world.lakebed("run tiny --json").run().status(0).json();
    assert_eq!(built(&json["build"]), BTreeMap::new());
    assert_eq!(json["wrong_checks"], Value::Array(Vec::new()));
    assert!(json["check_count"].as_u64() > Some(80), "{json}");
}

#[test]
fn what_scripts_read_is_json() {
    let world = World::with_raw();
    let tables = table_files().len();
    let plan = world.lakebed("plan --json").run().status(0).json();
    assert_eq!(plan.as_array().expect("a list").len(), tables);
    let build = world.lakebed("build --json").run().status(0).json();
    assert_eq!(built(&build).len(), tables);
    assert_eq!(build["vault.hub_user"]["outcome"], "built");
    let all = world.lakebed("show --json").run().status(0).json();
    assert_eq!(all.as_array().expect("a list").len(), tables);
    let one = world.lakebed("show vault.hub_user --json").run().status(0).json();
    assert_eq!(one["contract"]["grain"][0], "user_hk");
    assert_eq!(one["partition_count"], 3);
    assert_golden(&world.data(), "built without a run");
}

#[test]
fn help_has_an_example_of_every_verb() {
    let world = World::new();
    for verb in VERBS {
        let help = world.lakebed(&format!("{verb} --help")).run().status(0).lacks("\u{1b}");
        let help = help.stdout_contains("Examples:");
        let _ = help.stdout_contains(&format!("lakebed {verb}"));
        let short = world.lakebed(verb).env("COLUMNS", "60").arg("-h").run().status(0);
        let _ = short.stdout_contains("Usage: lakebed");
    }
    let version = format!("lakebed {}\n", env!("CARGO_PKG_VERSION"));
    let _ = world.lakebed("--version").run().status(0).stdout_contains(&version);
}

#[test]
fn prose_makes_nothing_stale() {
    let world = World::with_tiny().with_project();
    let file = "layers/dimensional/fact_user_day.sql";
    let _ = world.edit(file, "about        = \"What a user", "about        = \"All that a user");
    let _ = world.edit(file, "about = \"Who.\"", "about = \"The user.\"");
    let _ = world.edit(file, "owner        = \"analytics\"", "owner = \"growth\" # since today");
    let _ = world.edit(
        file,
        "final as (\n  select",
        "-- One row a user and day.\nfinal as (\n  select",
    );
    let _ =
        world.edit(file, "group by event_date, user_hk", "group by\n    event_date,\n    user_hk");
    let functions = "layers/functions/duckdb.sql";
    let _ = world.edit(functions, "-- The ISO week", "-- The ISO 8601 week");
    assert_planned(&world, &[], &[]);
    let _ = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
}

#[test]
fn a_changed_query_makes_its_table_stale_and_its_readers_may_follow() {
    let world = World::with_tiny().with_project();
    let mart = "layers/mart/active_users_by_plan.sql";
    let edit = world.edit(
        mart,
        "count(*) as active_users",
        "count(distinct w.event_count) as active_users",
    );
    assert_planned(&world, &[("mart.active_users_by_plan", "its SQL changed")], &[]);
    let build = world.lakebed("build --json").run().status(0).json();
    assert_eq!(built(&build), [("mart.active_users_by_plan".to_owned(), 3)].into());
    edit.undo();
    let _ = world.lakebed("build").run().status(0);
    let fact = "layers/dimensional/fact_user_day.sql";
    let edit = world.edit(fact, "count(*) as event_count", "sum(1) as event_count");
    let marts = ["mart.active_users_by_plan", "mart.daily_active_users", "mart.retention_cohorts"];
    assert_planned(&world, &[("dimensional.fact_user_day", "its SQL changed")], &marts);
    // The rows come out the same, so that it stops there.
    let build = world.lakebed("build --json").run().status(0).json();
    assert_eq!(built(&build), [("dimensional.fact_user_day".to_owned(), 3)].into());
    edit.undo();
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "after the edits were undone");
}

#[test]
fn a_changed_contract_says_so() {
    let world = World::with_tiny().with_project();
    let mart = "layers/mart/active_users_by_plan.sql";
    let _ = world.edit(
        mart,
        "active_users  = { type = \"INT64\",  required = true,",
        "active_users  = { type = \"INT64\",",
    );
    assert_planned(&world, &[("mart.active_users_by_plan", "its contract changed")], &[]);
}

#[test]
fn a_changed_function_makes_its_users_stale() {
    let world = World::with_tiny().with_project();
    let file = "layers/functions/duckdb.sql";
    let edit = world.edit(file, "as weekofyear(d)", "as cast(weekofyear(d) as bigint)");
    let readers = [
        "dimensional.dim_exchange_rate",
        "mart.active_users_by_plan",
        "mart.app_quality",
        "mart.daily_active_users",
        "mart.funnel_by_functionality",
        "mart.retention_cohorts",
        "mart.revenue_daily",
    ];
    assert_planned(&world, &[("dimensional.dim_date", "its functions changed")], &readers);
    edit.undo();
    // By way of another function, and of a table that keeps what its inputs once said.
    let _ = world.edit(
        file,
        "udf.hash_key_4(a, b, c, d) as\n  system.main.md5(",
        "udf.hash_key_4(a, b, c, d) as\n  system.main.md5('x' || ",
    );
    let epoch = "a new epoch: its code, or code above it, changed";
    let functions = "its functions changed";
    let stale = [
        ("dimensional.dim_product", epoch),
        ("dimensional.dim_user", epoch),
        ("dimensional.fact_order_line", epoch),
        ("vault.sat_product", functions),
        ("vault.sat_user_profile", functions),
    ];
    let marts = [
        "mart.active_users_by_plan",
        "mart.daily_active_users",
        "mart.retention_cohorts",
        "mart.revenue_daily",
    ];
    assert_planned(&world, &stale, &marts);
}

#[test]
fn a_changed_row_of_a_seed() {
    let world = World::with_tiny().with_project();
    let edit = world.edit("layers/seed/functionalities.csv", "search,commerce", "search,growth");
    assert_planned(
        &world,
        &[("seed.functionalities", "its rows changed")],
        &["dimensional.dim_functionality"],
    );
    let build = world.lakebed("build --json").run().status(0).json();
    let expected = [("dimensional.dim_functionality", 1), ("seed.functionalities", 1)];
    assert_eq!(built(&build), expected.map(|(name, count)| (name.to_owned(), count)).into());
    let area = "select area from dimensional.dim_functionality where functionality = 'search'";
    assert_eq!(world.query(area), "area\ngrowth\n");
    edit.undo();
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "after the seed was as before");
}

/// Puts one message into raw, as a late file of the archiver would. Returns its file.
fn late_message(world: &World, load_date: &str, payload: &str) -> std::path::PathBuf {
    let at = MicrosUtc::parse_rfc3339(&format!("{load_date}T23:30:00Z")).expect("an instant");
    let message = Message {
        message_id: MessageId("late".to_owned()),
        published_at: at,
        received_at: at,
        ordering_key: None,
        attributes: Arc::default(),
        payload: Bytes::from(payload.to_owned()),
    };
    let (bytes, _) = encode_object("mobile_events", vec![message]).expect("one message");
    let date = load_date.parse().expect("a date");
    let path = world.data().join("raw").join(object_key("mobile_events", date, &bytes));
    fs::write(&path, bytes).expect("writable");
    path
}

#[test]
fn a_late_file_makes_its_day_stale_and_what_it_reaches() {
    const LATE: &str = r#"{"event_id":"late","event_name":"app_opened","user_id":"u-late",
        "sequence":1,"occurred_at":"2026-01-04T12:00:00Z"}"#;
    let world = World::with_tiny();
    late_message(&world, "2026-01-05", LATE);
    let (stale, followers) = planned(&world);
    let checked = stale.get("standardized.mobile_events_checked").expect("it is stale");
    assert_eq!(checked, &names(&["raw.mobile_events changed"]));
    assert_eq!(
        stale.keys().cloned().collect::<BTreeSet<_>>(),
        names(&["standardized.mobile_events_checked", "standardized.reconciliation"])
    );
    assert!(followers.contains("mart.daily_active_users"), "{followers:?}");
    assert!(!followers.contains("standardized.db_users"), "{followers:?}");

    let report = world.lakebed("build --json").run().status(0).json();
    let built = built(&report);
    assert_eq!(built["standardized.mobile_events_checked"], 1, "only its day");
    assert!(!built.contains_key("vault.sat_user_profile"), "{built:?}");
    let day_before = "select active_users, unknown_users from mart.daily_active_users \
                      where activity_date = '2026-01-04'";
    assert_eq!(world.query(day_before), "active_users,unknown_users\n1,1\n");
    let _ = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
}

#[test]
fn a_file_that_says_nothing_new_stops_at_once() {
    let world = World::with_tiny();
    let object = world.raw_objects().pop().expect("raw objects");
    fs::copy(&object, object.with_file_name("copy.parquet")).expect("writable");
    let build = world.lakebed("build --json").run().status(0).json();
    let expected = names(&["standardized.mobile_events_checked", "standardized.reconciliation"]);
    assert_eq!(built(&build).into_keys().collect::<BTreeSet<_>>(), expected);
    assert_golden(&world.data(), "after a copy of a raw object");
}

#[test]
fn a_named_table_is_built_with_what_it_reads() {
    let world = World::with_raw();
    let build = world.lakebed("build vault.hub_user --json").run().status(0).json();
    let upstream = [
        "standardized.db_orders_checked",
        "standardized.db_payments_checked",
        "standardized.db_subscriptions_checked",
        "standardized.db_users_checked",
        "standardized.mobile_events_checked",
        "vault.hub_user",
    ];
    assert_eq!(built(&build).into_keys().collect::<BTreeSet<_>>(), names(&upstream));
    assert_eq!(world.query("select count(*) as n from standardized.mobile_events"), "n\n0\n");
    let again = world.lakebed("build hub_user --full --json").run().status(0).json();
    assert_eq!(built(&again)["vault.hub_user"], 3, "`--full` builds what is fresh");
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "table by table");
}

#[test]
fn each_statement_of_a_build_has_a_receipt() {
    let world = World::with_tiny();
    let table = "standardized.mobile_events_checked";
    let build = format!("build {table} --full --window-days 31 --json");
    let build = world.lakebed(&build).run().status(0).json();
    let statements = build[table]["statements"].as_array().expect("a list");
    let kinds: Vec<_> = statements.iter().map(|ran| ran["kind"].as_str().expect("text")).collect();
    let expected = [
        "pin",
        "keep",
        "measure",
        "transaction",
        "delete",
        "insert",
        "note",
        "transaction",
        "keep",
    ];
    let besides = |kind: &&str| *kind != "fence";
    let mut told = kinds.iter().copied().filter(besides).collect::<Vec<_>>();
    told.dedup();
    assert_eq!(told, expected, "{build}");
    assert_eq!(kinds[4], "fence", "the first of the transaction: {kinds:?}");
    for ran in statements {
        let kind = ran["kind"].as_str().expect("text");
        let changes_rows = ["delete", "insert", "note"].contains(&kind);
        assert_eq!(ran["row_count"].as_i64().is_some_and(|count| count > 0), changes_rows, "{ran}");
        assert_eq!(ran["sha256"].as_str().map(str::len), Some(64), "{ran}");
        assert!(ran["cost"]["duration_ms"].as_f64().is_some_and(|millis| millis > 0.0), "{ran}");
        assert!(ran["cost"]["bytes_billed"].is_null() && ran["job_id"].is_null(), "{ran}");
    }
}

#[test]
fn dates_limit_a_build() {
    let world = World::with_raw();
    let table = "standardized.mobile_events_checked";
    let one = format!("build {table} --from 2026-01-06 --to 2026-01-06 --json");
    assert_eq!(built(&world.lakebed(&one).run().status(0).json()), [(table.to_owned(), 1)].into());
    let dates = format!("select distinct cast(load_date as varchar) as d from {table} order by 1");
    assert_eq!(world.query(&dates), "d\n2026-01-06\n");
    let rest = format!("build {table} --from 2026-01-06 --json");
    assert_eq!(built(&world.lakebed(&rest).run().status(0).json()), [(table.to_owned(), 1)].into());
    let _ = world.lakebed("build --to 2026-01-06").run().status(0);
    let _ = world.lakebed("build").run().status(0);
    assert_golden(&world.data(), "date by date");
}

#[test]
fn a_broken_check_keeps_the_old_rows_and_stops_what_reads_them() {
    let world = World::with_tiny().with_project();
    let fact = "layers/dimensional/fact_user_day.sql";
    let check = "\n[[checks]]\nname = \"nobody does much\"\nexpect = \"event_count < 3\"\nseverity = \"fail\"\n*/";
    let edit = world.edit(fact, "*/", check);
    let failed = world.lakebed("build --json").run().status(1);
    let failed = failed
        .stderr_contains("nobody does much: event_count < 3")
        .stderr_contains("hint: the old rows stand");
    assert_eq!(failed.json()["dimensional.fact_user_day"]["outcome"], "failed");
    assert_eq!(failed.json()["mart.daily_active_users"]["outcome"], "blocked");
    let _ = world
        .lakebed("run tiny --ingest direct")
        .run()
        .status(1)
        .stdout_contains("not built: dimensional.fact_user_day failed");
    assert_golden(&world.data(), "after a check that failed");
    edit.undo();

    let _ = world.edit(fact, "*/", &check.replace("\"fail\"", "\"warn\""));
    let warned = world.lakebed("build").run().status(0);
    let _ = warned.stdout_contains("warning: dimensional.fact_user_day: nobody does much");
    assert_golden(&world.data(), "after a check that warned");
}

#[test]
fn broken_promises_of_columns_and_grain_are_named() {
    let world = World::with_tiny().with_project();
    let events = "layers/dimensional/fact_event.sql";
    let edits = [
        (
            "country_code     = { type = \"STRING\",",
            "country_code     = { type = \"STRING\", accepted = [\"XX\"],",
            "column `country_code` is one of XX",
        ),
        (
            "session_id       = { type = \"STRING\",",
            "session_id       = { type = \"STRING\", references = \"dimensional.dim_user.plan\",",
            "each `session_id` is in `dimensional.dim_user.plan`",
        ),
        (
            "order_id         = { type = \"STRING\",",
            "order_id         = { type = \"STRING\", required = true,",
            "column `order_id` is required",
        ),
        (
            "[\"event_hk\", \"load_date\"]",
            "[\"user_hk\", \"load_date\"]",
            "one row per (user_hk, load_date)",
        ),
    ];
    for (old, new, promise) in edits {
        let edit = world.edit(events, old, new);
        let _ = world.lakebed("build").run().status(1).stderr_contains(promise);
        assert_golden(&world.data(), promise);
        edit.undo();
    }
}

#[test]
fn a_table_whose_file_is_gone_is_said_and_dropped_when_told() {
    let world = World::with_tiny().with_project();
    let file = world.project().join("layers/mart/app_quality.sql");
    let text = fs::read_to_string(&file).expect("it is there");
    fs::remove_file(&file).expect("writable");
    let said = world.lakebed("plan").run().status(0).stdout_contains("Nothing to build");
    let _ = said.stdout_contains("No file defines mart.app_quality any more; the old rows stay.");
    let _ = world.lakebed("build").run().status(0).stdout_contains("build --prune");
    let pruned = world.lakebed("build --prune").run().status(0);
    let _ = pruned.stdout_contains("Dropped: mart.app_quality.");
    let _ = world.lakebed("query").arg("select * from mart.app_quality").run().status(2);
    let _ = world.lakebed("plan").run().status(0).lacks("No file defines");
    // It comes back with its file, from what it reads.
    fs::write(&file, text).expect("writable");
    let _ = world.lakebed("build").run().status(0).stdout_contains("mart.app_quality");
    assert_golden(&world.data(), "after the file came back");
}
