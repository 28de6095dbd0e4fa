//! Benchmarks. Each measures its yardstick in the same run and prints the ratio: machines differ and
//! are shared, so an absolute time is not a result.
//!
//! Ids are `area/case`. Every iteration asserts its result.

use std::{
    cell::Cell,
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use lakebed::{
    archiver::{encode_object, object_key},
    bus::{Message, MessageId},
    clock::MicrosUtc,
    contract::TableName,
    graph::Graph,
    plan::{Content, Plan, Planner, Selection, Snapshot, Stamp, TablePlan, snapshot::Partition},
    prelude::Prelude,
    project::{Project, ProjectFiles},
    recipe::{Built, Entry},
    sql::bind::{self, Literal, Parameters},
    warehouse::{Session, Warehouse},
};
use lakebed_duckdb::{DuckDb, Options};
use sim::{SHARD_COUNT, Scenario, Simulation, Source};

/// One day of the scenario `baseline`, in one raw object, and a session that reads it.
struct Lake {
    session: Box<dyn Session>,
    select: String,
    message_count: i64,
    _folder: tempfile::TempDir,
}

fn lake() -> Lake {
    let project = Project::parse(&lakebed_files::embedded()).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
    let graph = Graph::new(&project, &prelude).expect("the tables fit");
    let scenario =
        Scenario::from_toml("baseline", &project.scenarios["baseline"]).expect("a scenario");
    let date = scenario.start_date;
    let messages = messages(&Simulation::new(scenario), date);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = write_object(folder.path(), date, &messages);
    let options = Options { threads: Some(1), ..Options::default() };
    let warehouse = DuckDb::open(None, options, &prelude).expect("in memory");
    let mut session = warehouse.session().expect("a session");
    session.execute("create schema raw").expect("a schema");
    session.execute(&warehouse.dialect().raw_view("mobile_events", &[path])).expect("a view");
    let checked = graph
        .in_order()
        .find(|node| node.name().as_str() == "standardized.mobile_events_checked")
        .expect("the table is in the project");
    let mut values: Parameters = checked.parameters.clone();
    values.insert("from_date".to_owned(), Literal::Date(date));
    values.insert("to_date".to_owned(), Literal::Date(date));
    let select = bind::bind(checked.file.query(), &values).expect("all parameters are known").text;
    let message_count = i64::try_from(messages.len()).expect("a day is small");
    Lake { session, select, message_count, _folder: folder }
}

fn messages(simulation: &Simulation, date: jiff::civil::Date) -> Vec<Message> {
    let day = simulation.day(date);
    let arrivals = (0..SHARD_COUNT).flat_map(|shard| day.shard(shard));
    let mut mobile: Vec<_> =
        arrivals.filter(|arrival| arrival.source == Source::MobileEvents).collect();
    mobile.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
    let payloads = mobile.iter().flat_map(|arrival| {
        arrival.messages.payloads().map(|payload| (arrival.arrived_at, payload.to_owned()))
    });
    payloads
        .enumerate()
        .map(|(index, (at, payload))| Message {
            message_id: MessageId(format!("{index:020}")),
            published_at: MicrosUtc(at.0),
            received_at: MicrosUtc(at.0),
            ordering_key: None,
            attributes: std::sync::Arc::default(),
            payload: payload.into(),
        })
        .collect()
}

fn write_object(folder: &Path, date: jiff::civil::Date, messages: &[Message]) -> String {
    let (bytes, _) =
        encode_object("mobile_events", messages.to_vec()).expect("rows fit into Parquet");
    let path = folder.join(object_key("mobile_events", date, &bytes));
    std::fs::create_dir_all(path.parent().expect("a key has folders")).expect("a folder");
    std::fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

/// Measures `case` and `yardstick` and prints how many times longer the case takes.
fn compare(
    criterion: &mut Criterion,
    id: &str,
    mut case: impl FnMut(),
    mut yardstick: impl FnMut(),
) {
    let (area, name) = id.split_once('/').expect("ids are area/case");
    let mut group = criterion.benchmark_group(area);
    group.sample_size(10);
    let mut measure = |label: &str, work: &mut dyn FnMut()| {
        let mean = Cell::new(Duration::ZERO);
        group.bench_function(label, |bencher| {
            bencher.iter_custom(|iterations| {
                let started = Instant::now();
                (0..iterations).for_each(|_| work());
                let total = started.elapsed();
                mean.set(total.div_f64(f64::from(u32::try_from(iterations).unwrap_or(u32::MAX))));
                total
            });
        });
        mean.get()
    };
    let time = measure(name, &mut case);
    let unit = measure(&format!("{name} (yardstick)"), &mut yardstick);
    println!("{id}: {:.2} times its yardstick", time.as_secs_f64() / unit.as_secs_f64());
}

fn count(session: &mut dyn Session, sql: &str) -> i64 {
    session.query(sql).and_then(|result| result.count()).expect("a number")
}

/// Parsing, typing and judging a day's messages, against parsing them alone.
fn standardized(criterion: &mut Criterion) {
    let lake = std::cell::RefCell::new(lake());
    let run = |sql: String, expected: i64| {
        let found = count(lake.borrow_mut().session.as_mut(), &sql);
        assert_eq!(found, expected);
    };
    let (select, expected) = (lake.borrow().select.clone(), lake.borrow().message_count);
    compare(
        criterion,
        "standardized/checked",
        || run(format!("select count(hash(t)) from ({select}) as t"), expected),
        || {
            let parsed = "select count(hash(udf.parse_mobile_events(payload))) \
                          from raw.mobile_events";
            run(parsed.to_owned(), expected);
        },
    );
}

/// Binding a query's parameters, against copying its text.
fn binding(criterion: &mut Criterion) {
    let text = include_str!("../layers/standardized/mobile_events_checked.sql");
    let query = text.split_once("*/").expect("a contract").1;
    let project = Project::parse(&lakebed_files::embedded()).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
    let graph = Graph::new(&project, &prelude).expect("the tables fit");
    let node = graph.in_order().next().expect("there are tables");
    let mut values = lakebed::graph::sample_parameters(&node.parameters);
    values.insert("max_lateness_days".to_owned(), Literal::Int64(30));
    values.insert("max_skew_days".to_owned(), Literal::Int64(1));
    compare(
        criterion,
        "sql/bind",
        || assert!(bind::bind(query, &values).expect("known").text.len() > query.len() / 2),
        || assert_eq!(std::hint::black_box(query).to_lowercase().len(), query.len()),
    );
}

/// Tables and days of the plan.
const TABLE_COUNT: usize = 500;
const DAY_COUNT: i64 = 365;

/// A project in which each table reads two others, or the raw layer.
fn wide_project() -> ProjectFiles {
    let mut files = lakebed_files::embedded();
    for at in 0..TABLE_COUNT {
        let reads = |other: usize| format!("standardized.wide_{other:03}");
        let inputs = match at {
            0 => ["raw.mobile_events".to_owned(), "raw.db_users".to_owned()],
            _ => [reads(at - 1), reads(at / 2)],
        };
        let select = |table: &String| {
            format!(
                "select load_date, count(*) as n from {table}\n\
                 where load_date between @from_date and @to_date\ngroup by load_date"
            )
        };
        let text = format!(
            "/*\nabout = \"Table {at}.\"\ngrain = [\"load_date\", \"n\"]\nbuild = \"partition\"\n\
             partition_by = \"load_date\"\ngrowth = \"entities\"\nowner = \"benches\"\n\n[columns]\n\
             load_date = {{ type = \"DATE\", required = true, about = \"The day.\" }}\n\
             n = {{ type = \"INT64\", required = true, about = \"Rows.\" }}\n*/\n{}\n",
            inputs.each_ref().map(select).join("\nunion all\n")
        );
        files.insert(Path::new(&format!("layers/standardized/wide_{at:03}.sql")), &text);
    }
    files
}

/// Planning when nothing is to be done, against a copy of what must be looked at.
fn planning(criterion: &mut Criterion) {
    let project = Project::parse(&wide_project()).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
    let graph = Arc::new(Graph::new(&project, &prelude).expect("the tables fit"));
    let tables: BTreeSet<TableName> = graph
        .in_order()
        .map(|node| node.name().clone())
        .filter(|name| name.table().starts_with("wide_"))
        .collect();
    let mut snapshot = Snapshot::default();
    let first = jiff::civil::date(2025, 1, 1);
    for source in graph.sources() {
        for day in 0..DAY_COUNT {
            let date = first.checked_add(jiff::Span::new().days(day)).expect("a date");
            let content = Content { hash_sum: i128::from(day), row_count: 1 };
            snapshot.set_content(source, Some(date), content);
        }
    }
    let mut planner = Planner::new(Arc::clone(&graph), snapshot);
    for name in &tables {
        let due = planner.due(graph.node(name));
        let stamps: Vec<_> =
            due.stale.iter().map(|stale| (stale.partition, stale.stamp.clone())).collect();
        let content = |(at, (partition, _)): (usize, &(Partition, Stamp))| {
            let hash_sum = i128::try_from(at).expect("few");
            (*partition, Content { hash_sum, row_count: 1 })
        };
        let contents = stamps.iter().enumerate().map(content).collect();
        let entry = Entry { stamps, contents, ..Entry::default() };
        planner.apply(name, &[Built { entry, ..Built::default() }]);
    }
    let snapshot = planner.snapshot().clone();
    let copy = std::cell::RefCell::new(Vec::new());
    let selection = Selection { tables, ..Selection::default() };
    let planned = std::cell::RefCell::new(Planner::new(Arc::clone(&graph), snapshot.clone()));
    compare(
        criterion,
        "planning/nothing_to_do_500_tables_365_days",
        || {
            // Nothing of it has been looked at.
            planned.borrow_mut().update(|_| ());
            let plan = Plan::new(&planned.borrow(), &selection);
            assert!(plan.tables.iter().all(TablePlan::is_nothing));
        },
        || *copy.borrow_mut() = vec![snapshot.clone()],
    );
}

criterion_group!(benches, standardized, binding, planning);
criterion_main!(benches);
