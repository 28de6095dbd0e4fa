//! What is known of queries: held against what DuckDB says that it reads, against the contracts, and
//! against small queries whose answer can be seen.

use std::collections::{BTreeMap, BTreeSet};

use lakebed::{
    builder::shape,
    contract::{BuildKind, TableName, source::RAW_COLUMNS},
    graph::{Graph, Node, sample_parameters},
    prelude::Prelude,
    project::Project,
    query::{
        Anchor, Context, Facts, IdleReason, PartitionFilter, catalog::Catalog, lineage::How,
        source::Source,
    },
    sql::{bind::bind, reads::parse_query},
    warehouse::Session,
};
use lakebed_duckdb::{Options, open_shared};
use serde_json::Value;

use crate::harness::{CHECKOUT, World, expect_file};

/// What DuckDB finds out from the rows of a table, of which there are none here.
const DISABLED_OPTIMIZERS: &str = "statistics_propagation,empty_result_pullup,late_materialization";

fn project() -> Project {
    Project::parse(&lakebed_files::embedded()).expect("the project can be read")
}

fn graph(project: &Project) -> (Graph, Prelude) {
    let prelude = Prelude::duckdb(project).expect("the functions are SQL");
    (Graph::new(project, &prelude).expect("a graph"), prelude)
}

fn queries(graph: &Graph) -> impl Iterator<Item = &Node> {
    graph.in_order().filter(|node| node.build() != BuildKind::Seed)
}

#[test]
fn every_shipped_query_is_understood_and_each_column_comes_from_somewhere() {
    let (graph, _) = graph(&project());
    let mut constant = Vec::new();
    for node in queries(&graph) {
        let (name, facts) = (node.name(), &node.facts);
        assert!(facts.is_understood(), "{name}: {:?}", facts.problems);
        let wanted: Vec<&String> = node.file.contract.columns.keys().collect();
        let found: Vec<&String> = facts.rows.columns.iter().map(|column| &column.name).collect();
        assert_eq!(found, wanted, "{name}");
        let named: BTreeSet<&TableName> = facts.reads.iter().map(|read| &read.table).collect();
        let inputs: BTreeSet<&TableName> = node.inputs.iter().map(|input| &input.table).collect();
        let other: BTreeSet<&TableName> = named.into_iter().filter(|read| *read != name).collect();
        assert_eq!(other, inputs, "{name}");
        let without = wanted.iter().zip(&facts.lineage).filter(|(_, from)| from.is_empty());
        constant.extend(without.map(|(column, _)| format!("{name}.{column}")));
    }
    assert_eq!(constant, CONSTANT_COLUMNS);
}

/// Columns in which no other column has a part: the calendar, and names of sources and steps.
const CONSTANT_COLUMNS: [&str; 28] = [
    "dimensional.dim_date.calendar_date",
    "dimensional.dim_date.year",
    "dimensional.dim_date.quarter",
    "dimensional.dim_date.month",
    "dimensional.dim_date.day_of_month",
    "dimensional.dim_date.iso_year",
    "dimensional.dim_date.iso_week",
    "dimensional.dim_date.is_final",
    "vault.hub_order.record_source",
    "vault.hub_payment.record_source",
    "vault.hub_subscription.record_source",
    "vault.sat_device.record_source",
    "standardized.reconciliation.source",
    "vault.link_order_product.record_source",
    "vault.link_order_user.record_source",
    "vault.link_payment_order.record_source",
    "vault.link_session_user_device.record_source",
    "vault.link_subscription_user.record_source",
    "vault.nhl_rejection.source",
    "vault.sat_order.record_source",
    "vault.sat_order_line.record_source",
    "vault.sat_payment.record_source",
    "vault.sat_product.record_source",
    "vault.sat_subscription.record_source",
    "vault.sat_user_contact.record_source",
    "vault.sat_user_profile.record_source",
    "mart.funnel_by_functionality.functionality",
    "mart.funnel_by_functionality.step_number",
];

/// A warehouse with all tables, raw ones too, and no rows.
fn empty_tables(graph: &Graph, prelude: &Prelude) -> Box<dyn Session> {
    let options = Options { threads: Some(1), ..Options::default() };
    let warehouse = open_shared(None, options, prelude).expect("a warehouse");
    shape::create(warehouse.as_ref(), graph).expect("tables");
    let mut session = warehouse.session().expect("a session");
    let mut run = |statement: &str| session.execute(statement).expect("DuckDB's own SQL");
    for source in graph.sources() {
        run(&warehouse.dialect().raw_view(source.table(), &[]));
        run(&format!("create table raw.copied as from {source}"));
        run(&format!("drop view {source}"));
        run(&format!("alter table raw.copied rename to {}", source.table()));
    }
    run(&format!("set disabled_optimizers = '{DISABLED_OPTIMIZERS}'"));
    session
}

/// The columns that a query's plan takes from each table.
fn scanned(session: &mut dyn Session, query: &str) -> BTreeMap<String, BTreeSet<String>> {
    let explained = session.query(&format!("explain (format json) {query}")).expect("a plan");
    let rows = explained.text_rows().expect("text");
    let plan = rows[0][1].as_ref().expect("a plan");
    let mut found = BTreeMap::new();
    collect(&serde_json::from_str(plan).expect("JSON"), &mut found);
    found
}

fn collect(plan: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    if let Value::Array(operators) = plan {
        return operators.iter().for_each(|operator| collect(operator, found));
    }
    let info = &plan["extra_info"];
    if let Some(table) = info["Table"].as_str() {
        let parts: Vec<&str> = table.rsplit('.').take(2).collect();
        let name = format!("{}.{}", parts.get(1).unwrap_or(&""), parts[0]);
        let texts = |value: &Value| match value {
            Value::Array(texts) => {
                texts.iter().filter_map(Value::as_str).map(String::from).collect()
            }
            Value::String(text) => vec![text.clone()],
            _ => Vec::new(),
        };
        let columns = found.entry(name).or_default();
        columns.extend(texts(&info["Projections"]));
        // `event_date>='2026-01-05'::DATE`; a column that is only filtered by is not projected.
        let filters = texts(&info["Filters"]).join(" ");
        let words = filters.split(|c: char| !c.is_alphanumeric() && c != '_');
        columns.extend(words.filter(|word| !word.is_empty()).map(String::from));
    }
    collect(&plan["children"], found);
}

#[test]
fn duckdb_reads_the_columns_that_are_known_to_be_needed() {
    let (graph, prelude) = graph(&project());
    let mut session = empty_tables(&graph, &prelude);
    let mut beyond = Vec::new();
    for node in queries(&graph) {
        let bound = bind(node.file.query(), &sample_parameters(&node.parameters)).expect("bound");
        let scanned = scanned(session.as_mut(), &bound.text);
        assert!(!scanned.is_empty() || node.inputs.is_empty(), "{}", node.name());
        for (table, columns) in scanned {
            let table = TableName::parse(&table).expect("a table");
            let known = node.facts.columns_of(&table);
            let all = columns_of(&graph, &table);
            // The words of a filter are not all columns.
            let columns: BTreeSet<String> = columns.intersection(&all).cloned().collect();
            let missing: Vec<_> = columns.difference(&known).collect();
            assert!(missing.is_empty(), "{} reads {missing:?} of {table}", node.name());
            let more =
                known.difference(&columns).map(|column| (node.name(), table.clone(), column));
            beyond.extend(more.map(|(name, table, column)| format!("{name}: {table}.{column}")));
        }
    }
    assert_eq!(beyond, BEYOND_DUCKDB, "{beyond:#?}");
}

/// The columns that a table has.
fn columns_of(graph: &Graph, table: &TableName) -> BTreeSet<String> {
    match graph.get(table) {
        Some(node) => node.file.contract.columns.keys().cloned().collect(),
        None => RAW_COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect(),
    }
}

/// What a query names and DuckDB finds a way around.
const BEYOND_DUCKDB: [&str; 0] = [];

fn filter<'a>(graph: &'a Graph, table: &str, read: &str) -> (&'a Node, &'a PartitionFilter) {
    let node = graph.node(&TableName::parse(table).expect("a name"));
    let found = node.facts.reads.iter().find(|known| known.table.as_str() == read);
    let partition = found.expect("it is read").partition.as_ref();
    (node, partition.expect("it has partitions"))
}

#[test]
fn a_read_says_by_what_its_partitions_are_bounded_and_where() {
    let (graph, _) = graph(&project());
    let (node, found) = filter(&graph, "standardized.mobile_events_checked", "raw.mobile_events");
    assert_eq!(found.column, "load_date");
    for (bound, parameter) in [(&found.lower, "from_date"), (&found.upper, "to_date")] {
        let bound = bound.as_ref().expect("a bound");
        assert_eq!(bound.anchor, Anchor::Parameter(parameter.to_owned()));
        assert_eq!((bound.days_min, bound.days_max), (0, 0));
        assert_eq!(node.file.text[bound.place.clone()], format!("@{parameter}"));
    }
    assert_eq!(found.idle, []);
}

/// The facts of a query over the shipped tables.
fn facts(text: &str) -> Facts {
    let project = project();
    let catalog = Catalog::new(&project);
    let source = Source::new("query.sql".into(), text.into(), 0..text.len()).expect("tokens");
    let query = parse_query(text).expect("a query");
    Facts::of(&query, &source, Context { project: &project, catalog: &catalog, table: None })
}

#[test]
fn a_condition_that_leaves_out_no_partition_says_why() {
    let text = "select event_id from dimensional.fact_event \
                where date_add(event_date, interval 1 day) > date '2026-01-05' \
                and event_date >= date(event_at) and event_date < date '2026-01-09'";
    let facts = facts(text);
    let found = facts.reads[0].partition.as_ref().expect("it has partitions");
    assert_eq!(found.lower, None);
    let upper = found.upper.as_ref().expect("a bound");
    assert_eq!(upper.anchor, Anchor::Literal("'2026-01-09'".to_owned()));
    let idle: Vec<_> =
        found.idle.iter().map(|idle| (idle.why, &text[idle.place.clone()])).collect();
    let [(IdleReason::Wrapped, wrapped), (IdleReason::NoConstant, compared)] = idle.as_slice()
    else {
        panic!("{idle:?}")
    };
    assert!(wrapped.contains("date '2026-01-05'"), "{wrapped}");
    assert!(compared.contains("event_at"), "{compared}");
}

/// What each column of a query comes from, as `how column`, and what decides its rows.
const LINEAGES: [(&str, &str, &str); 11] = [
    (
        "with read as (select udf.parse_db_orders(payload) as change from raw.db_orders) \
         select lower(change.status) as status from read where change.op = 'insert'",
        "computed payload.status",
        "payload.op",
    ),
    ("select user_id as id from vault.hub_user", "copied user_id", ""),
    ("select lower(user_id) as id from vault.hub_user", "computed user_id", ""),
    ("select count(*) as n from vault.hub_user", "aggregated rows", ""),
    (
        "select max(first_seen_at) as last from vault.hub_user where first_load_date > date '2026-01-01'",
        "aggregated first_seen_at",
        "first_load_date",
    ),
    (
        "with u as (select * from vault.hub_user), \
         v as (select user_hk, lower(user_id) as id from u where first_seen_at is not null) \
         select id from v",
        "computed user_id",
        "first_seen_at",
    ),
    (
        "select case when user_hk = 'a' then user_id end as id from vault.hub_user",
        "computed user_id, decided user_hk",
        "",
    ),
    (
        "select first_value(user_id) over (partition by first_load_date order by user_hk) as id \
         from vault.hub_user",
        "decided first_load_date, decided user_hk, computed user_id",
        "",
    ),
    (
        "select h.user_id from vault.hub_user as h where exists (\
         select 1 from vault.hub_user as o where o.user_hk = h.user_id)",
        "copied user_id",
        "rows, user_hk, user_id",
    ),
    (
        "select user_id from vault.hub_user union all \
         select upper(user_hk) from vault.hub_user",
        "copied user_id, computed user_hk",
        "",
    ),
    (
        "select distinct first_load_date from vault.hub_user",
        "copied first_load_date",
        "first_load_date",
    ),
];

#[test]
fn lineage_follows_values_through_a_query() {
    for (query, column, rows) in LINEAGES {
        let facts = facts(query);
        let shown = |source: &lakebed::query::ColumnSource| {
            let how = match source.how {
                How::Decided => "decided",
                How::Copied => "copied",
                How::Computed => "computed",
                How::Aggregated => "aggregated",
            };
            let column = source.column.clone().unwrap_or_else(|| "rows".to_owned());
            let field = source.field.as_ref().map(|field| format!(".{field}"));
            (how, column + &field.unwrap_or_default())
        };
        let [sources] = facts.lineage.as_slice() else { panic!("one column: {query}") };
        let found: BTreeSet<_> =
            sources.iter().map(shown).map(|(h, c)| format!("{h} {c}")).collect();
        let wanted: BTreeSet<_> = column.split(", ").map(str::to_owned).collect();
        assert_eq!(found, wanted, "{query}");
        let found: BTreeSet<_> = facts.deciding.iter().map(shown).map(|(_, c)| c).collect();
        let wanted: BTreeSet<_> =
            rows.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(found, wanted, "{query}");
    }
}

#[test]
fn of_a_query_that_is_not_understood_any_column_may_be_needed() {
    let facts = facts("select list_sort([user_id]) as ids from vault.hub_user");
    assert!(!facts.is_understood());
    let all = facts.columns_of(&TableName::new("vault", "hub_user"));
    assert!(all.contains("first_seen_at") && all.contains("user_hk"), "{all:?}");
}

#[test]
fn show_says_where_columns_come_from() {
    let world = World::with_tiny();
    for table in
        ["mart.revenue_daily", "dimensional.fact_user_day", "standardized.db_orders_checked"]
    {
        let shown = world.lakebed(&format!("show {table}")).run().status(0).stdout;
        let start = shown.find("Where columns come from").expect("it is said");
        let end = shown.find("\nReads").expect("it reads something");
        let file = format!("tests/all/expected/lineage_{}.txt", table.replace('.', "_"));
        expect_file(&std::path::Path::new(CHECKOUT).join(file), &shown[start..end]);
    }
    let json = world.lakebed("show mart.revenue_daily --json").run().status(0).json();
    assert_eq!(json["lineage"]["is_complete"], true);
    assert_eq!(
        json["lineage"]["columns"]["country_code"][0]["how"], "copied",
        "{:#}",
        json["lineage"]
    );
}

#[test]
fn a_plan_says_which_columns_are_read() {
    let world = World::with_tiny().with_project();
    let edit = world.edit("layers/dimensional/fact_user_day.sql", "count(*)", "0 + count(*)");
    let plan = world.lakebed("plan --json").run().status(0).json();
    edit.undo();
    let mut tables = plan.as_array().expect("tables").iter();
    let table = tables.find(|table| table["table"] == "dimensional.fact_user_day");
    let reads = &table.expect("it is planned")["reads"][0];
    assert_eq!(reads["table"], "dimensional.fact_event");
    let columns: Vec<&str> =
        reads["columns"].as_array().expect("columns").iter().filter_map(Value::as_str).collect();
    assert_eq!(columns, ["event_at", "event_date", "session_hk", "user_hk"]);
}
