//! No shipped SELECT has a join whose time grows with the product of its sides: DuckDB's EXPLAIN says
//! so of each, over the tables of a simulated day. Joins with a side that stays small are named here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use lakebed::{
    check::{ExtraFile, Options, check},
    contract::{BuildKind, TableName},
    graph::{Graph, Node, sample_parameters},
    prelude::Prelude,
    project::Project,
    sql::bind::bind,
    warehouse::Session,
};
use lakebed_duckdb::open_shared;
use serde_json::Value;

use crate::harness::World;

/// Operators of DuckDB that compare rows of one side with rows of the other, each with each or in
/// order: those that find their rows by a hash are no such.
const PAIRWISE: [&str; 5] =
    ["NESTED_LOOP_JOIN", "BLOCKWISE_NL_JOIN", "CROSS_PRODUCT", "PIECEWISE_MERGE_JOIN", "IE_JOIN"];

/// Joins with a side that stays small: the table, how many of its joins, and why.
const SMALL_SIDES: [(&str, usize, &str); 4] = [
    ("dimensional.dim_date", 3, "ten digits are crossed with ten digits"),
    ("dimensional.dim_exchange_rate", 1, "rates are a seed, and do not grow with data"),
    ("mart.daily_active_users", 1, "the days of a build, at most a month of them"),
    ("mart.funnel_by_functionality", 1, "the steps of the funnel"),
];

/// The pairwise joins of a query by its plan, each with its condition.
fn pairwise(session: &mut dyn Session, query: &str) -> Vec<String> {
    let explained = session.query(&format!("explain (format json) {query}")).expect("a plan");
    let rows = explained.text_rows().expect("text");
    let plan = rows[0][1].as_ref().expect("a plan");
    let mut found = Vec::new();
    collect(&serde_json::from_str(plan).expect("JSON"), &mut found);
    found
}

fn collect(plan: &Value, found: &mut Vec<String>) {
    if let Value::Array(operators) = plan {
        return operators.iter().for_each(|operator| collect(operator, found));
    }
    let operator = plan["name"].as_str().expect("an operator has a name").trim();
    if PAIRWISE.contains(&operator) {
        found.push(format!("{operator} on {}", plan["extra_info"]));
    }
    collect(&plan["children"], found);
}

/// The tables of a day, as small a part of it as keeps the plans of a whole one.
fn world_of_a_day() -> World {
    let world = World::new().with_project();
    let scenario = world.read("scenarios/baseline.toml");
    let day = scenario.replacen("days = 7", "days = 1", 1).replacen("10_000", "5_000", 1);
    assert_eq!(day.matches("days = 1\n").count(), 1, "the scenario has other days");
    let _kept = world.write("scenarios/day.toml", &day);
    let _ = world.lakebed("run day --ingest direct").run().status(0);
    world
}

fn graph() -> (Graph, Prelude) {
    let project = Project::parse(&lakebed_files::embedded()).expect("the project can be read");
    let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
    (Graph::new(&project, &prelude).expect("a graph"), prelude)
}

fn session(data: &Path, prelude: &Prelude) -> Box<dyn Session> {
    let options = lakebed_duckdb::Options {
        threads: Some(1),
        is_read_only: true,
        ..lakebed_duckdb::Options::default()
    };
    let warehouse = open_shared(Some(&data.join("warehouse.duckdb")), options, prelude);
    warehouse.expect("a warehouse").session().expect("a session")
}

fn bound(node: &Node, query: &str) -> String {
    bind(query, &sample_parameters(&node.parameters)).expect("all parameters are known").text
}

/// How `fact_order_line` asked for the state that held, before its ends were never NULL.
const AS_IT_WAS: (&str, &str) = (
    "and o.next_effective_at > i.effective_at",
    "and ifnull(o.next_effective_at > i.effective_at, true)",
);

#[test]
fn shipped_selects_have_no_pairwise_joins_but_with_small_sides() {
    let world = world_of_a_day();
    let (graph, prelude) = graph();
    let mut session = session(&world.data(), &prelude);
    let mut small_sides = BTreeMap::new();
    for node in graph.in_order().filter(|node| node.build() != BuildKind::Seed) {
        let name = node.name().as_str();
        let found = pairwise(session.as_mut(), &bound(node, node.file.query()));
        let allowed = SMALL_SIDES.iter().find(|(table, ..)| *table == name);
        let count = allowed.map_or(0, |(_, count, _)| *count);
        assert_eq!(found.len(), count, "{name}: {found:#?}");
        small_sides.extend(allowed.map(|(table, count, _)| (*table, *count)));
    }
    assert_eq!(small_sides.len(), SMALL_SIDES.len(), "only {small_sides:?} are tables");

    let node = graph.node(&TableName::new("dimensional", "fact_order_line"));
    let (now, before) = AS_IT_WAS;
    assert!(node.file.query().contains(now), "the query has another join");
    let found = pairwise(session.as_mut(), &bound(node, &node.file.query().replace(now, before)));
    let [join] = found.as_slice() else { panic!("one join is slow: {found:#?}") };
    assert!(join.contains("next_effective_at > effective_at"), "{join}");
}

/// Conditions of a join of `vault.hub_user as a` with `vault.sat_user_profile as b`.
const CONDITIONS: [&str; 16] = [
    "a.user_hk = b.user_hk",
    "a.user_hk = b.user_hk and a.first_seen_at < b.effective_at",
    "a.user_hk = b.user_hk and a.first_seen_at <> b.effective_at",
    "a.user_hk = b.user_hk and b.effective_at between a.first_seen_at and a.first_seen_at",
    "a.user_hk = b.user_hk and a.user_id is not distinct from b.plan",
    "a.user_hk = b.user_hk and ifnull(a.first_seen_at < b.effective_at, true)",
    "a.user_hk = b.user_hk and (a.first_seen_at < b.effective_at or b.plan is null)",
    "a.user_hk = b.user_hk and a.user_id in (b.plan, b.country_code)",
    "a.user_hk = b.user_hk and a.first_load_date > date '2026-01-05'",
    "a.user_hk = b.user_hk and ifnull(b.plan > 'a', true)",
    "lower(a.user_hk) = lower(b.user_hk)",
    "a.user_hk || b.user_hk = 'x'",
    "a.user_hk = b.user_hk or a.user_id = b.plan",
    "starts_with(a.user_hk, b.user_hk)",
    "a.user_hk <> b.user_hk",
    "a.first_seen_at < b.effective_at and a.first_load_date >= b.load_date",
];

#[test]
fn the_check_reports_the_joins_that_compare_each_row_with_each() {
    let world = world_of_a_day();
    let (_, prelude) = graph();
    let mut session = session(&world.data(), &prelude);
    for condition in CONDITIONS {
        for join in ["join", "left join", "right join", "full join"] {
            let query = format!(
                "select a.user_id, b.plan from vault.hub_user as a \
                 {join} vault.sat_user_profile as b on {condition}"
            );
            let found = pairwise(session.as_mut(), &query);
            let is_slow = found.iter().any(|join| {
                join.starts_with("NESTED_LOOP_JOIN") || join.starts_with("BLOCKWISE_NL_JOIN")
            });
            let extra = vec![ExtraFile { path: "query.sql".into(), text: query.as_str().into() }];
            let checked = check(
                &lakebed_files::embedded(),
                Some(&BTreeSet::new()),
                extra,
                Options::default(),
            );
            let codes: Vec<&str> = checked.findings.iter().map(|found| found.rule.code).collect();
            let expected: &[&str] = if is_slow { &["LB038"] } else { &[] };
            assert_eq!(codes, expected, "{query}\n{found:#?}");
        }
    }
}
