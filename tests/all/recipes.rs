//! The statements of each kind of build, in `golden/recipes/`: everything that is sent for one table,
//! made without a warehouse being asked for anything.

use std::{fmt::Write as _, ops::Range, path::Path, sync::Arc};

use jiff::{
    ToSpan,
    civil::{Date, date},
};
use lakebed::{
    builder::tasks,
    clock::MicrosUtc,
    contract::TableName,
    digest::Digest,
    graph::{Domain, Graph, Node},
    plan::{Content, Planner, Reason, Snapshot, Stale, Stamp, snapshot::Partition},
    prelude::Prelude,
    project::Project,
    recipe::{self, Fence, Known, Measured, RawObject, RawObjects, Recipe, Step},
    sql::bind::Literal,
};
use lakebed_duckdb::{Options, open_shared};

use crate::harness::{CHECKOUT, expect_file};

/// A table of each kind, and the name of the golden.
const KINDS: [(&str, &str); 7] = [
    ("partition", "dimensional.fact_session"),
    ("delta", "dimensional.fact_event"),
    ("merge", "vault.hub_product"),
    ("history", "dimensional.dim_product"),
    ("full", "dimensional.dim_country"),
    ("seed", "seed.countries"),
    ("view", "mart.loaded_days"),
];

const FIRST: Date = date(2026, 1, 5);
const LAST: Date = date(2026, 1, 6);

#[test]
fn the_statements_of_each_kind_of_build() {
    let graph = graph();
    for (kind, table) in KINDS {
        let node = node(&graph, table);
        assert_eq!(format!("{:?}", node.build()).to_lowercase(), kind, "{table}");
        expect_recipe(kind, &recipe_of(&graph, node, false));
    }
}

/// A history that begins anew reads its own rows: it has to see that they are gone.
#[test]
fn the_statements_of_a_table_that_begins_anew() {
    let graph = graph();
    for (name, table) in
        [("merge_anew", "vault.hub_product"), ("history_anew", "dimensional.dim_product")]
    {
        expect_recipe(name, &recipe_of(&graph, node(&graph, table), true));
    }
}

#[test]
fn a_commit_defines_nothing_and_asks_nothing() {
    let graph = graph();
    for node in graph.in_order() {
        let commit = recipe_of(&graph, node, false).commit;
        let changes = |step: &Step| {
            matches!(step, Step::Delete { .. } | Step::Insert { .. } | Step::Merge { .. })
        };
        let (first, rest) = commit.split_first().expect("a commit is fenced");
        assert!(matches!(first, Step::Fence { .. }), "{}: {first:?}", node.name());
        assert!(rest.iter().all(changes), "{}: {commit:?}", node.name());
    }
}

/// A build is told of the raw objects that it reads, however many there are.
#[test]
fn the_text_of_a_build_does_not_grow_with_the_raw_layer() {
    let graph = graph();
    let sent = |table: &str, days_ago: Range<i64>| {
        let dates: Vec<Date> = days_ago.map(|n| LAST.saturating_sub(n.days())).collect();
        let object = |date: &Date| {
            let name = format!("load_date={date}/7f.parquet");
            (*date, vec![RawObject { locator: format!("raw/{name}"), name }])
        };
        let of_source = |source: &TableName| (source.clone(), dates.iter().map(object).collect());
        let raw = graph.sources().iter().map(of_source).collect();
        let recipe = recipe_over(&graph, node(&graph, table), false, raw);
        recipe.prepare.iter().map(|step| step.sql().to_owned()).collect::<Vec<_>>().join("\n")
    };
    let table = "standardized.mobile_events_checked";
    let few = sent(table, 0..3);
    assert_eq!(few, sent(table, 0..3_000));
    let pin = "set variable raw_mobile_events = ['raw/load_date=2026-01-05/7f.parquet', \
               'raw/load_date=2026-01-06/7f.parquet']\n";
    assert!(few.starts_with(pin), "{few}");
    // A source that has nothing in reach still has its columns.
    let recipe = sent("standardized.reconciliation", 100..103);
    assert_eq!(recipe.matches("set variable raw_").count(), graph.sources().len(), "{recipe}");
    assert_eq!(recipe.matches(".parquet").count(), graph.sources().len(), "{recipe}");
    assert!(!sent("vault.hub_product", 0..3).contains("set variable"), "it reads no raw object");
}

/// The shipped tables, and a view, of which there is none among them.
fn graph() -> Arc<Graph> {
    const VIEW: &str = r#"/*
about  = "Days of which there are sessions."
grain  = ["session_date"]
build  = "view"
growth = "entities"
owner  = "analytics"

[columns]
session_date = { type = "DATE", required = true, about = "The day." }
*/
select distinct session_date from dimensional.fact_session
"#;
    let mut files = lakebed_files::embedded();
    files.insert(Path::new("layers/mart/loaded_days.sql"), VIEW);
    let project = Project::parse(&files).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("functions");
    Arc::new(Graph::new(&project, &prelude).expect("the tables fit together"))
}

fn node<'a>(graph: &'a Graph, table: &str) -> &'a Node {
    graph.node(&TableName::parse(table).expect("a name"))
}

/// Of two days in one window, over inputs of which each has one row a day.
fn recipe_of(graph: &Arc<Graph>, node: &Node, begins_anew: bool) -> Recipe {
    recipe_over(graph, node, begins_anew, RawObjects::new())
}

fn recipe_over(graph: &Arc<Graph>, node: &Node, begins_anew: bool, raw: RawObjects) -> Recipe {
    let mut snapshot = Snapshot::default();
    let row = Content { hash_sum: 7, row_count: 1 };
    for source in graph.sources() {
        snapshot.set_content(source, Some(FIRST), row);
        snapshot.set_content(source, Some(LAST), row);
    }
    for input in &node.inputs {
        snapshot.set_content(&input.table, Some(FIRST), row);
    }
    let dates = [(FIRST, (FIRST, LAST)), (LAST, (FIRST, LAST))];
    snapshot.occupied.insert(node.name().clone(), dates.into());
    let planner = Planner::new(Arc::clone(graph), snapshot.clone());
    let partitions: Vec<Partition> = match node.window {
        Domain::Whole => vec![None],
        _ => vec![Some(FIRST), Some(LAST)],
    };
    let stale: Vec<Stale> = partitions
        .into_iter()
        .map(|partition| {
            let fingerprint = Some(Digest::of_texts(["all that it is made of"]));
            let stamp =
                Stamp { fingerprint, epoch: None, code: Arc::default(), inputs: "{}".into() };
            Stale { partition, stamp, reason: Reason::NeverBuilt }
        })
        .collect();
    let stale = tasks(&planner, node, &stale, 31);
    let known = Known {
        snapshot: snapshot.clone(),
        begins_anew,
        cut: Some(Literal::Timestamp(MicrosUtc(1_767_571_200_000_000))),
        exchanged: Vec::new(),
        sequence: 1,
        fence: Fence { epoch: 3, run_id: "a run".to_owned() },
        raw: Arc::new(raw),
    };
    let warehouse =
        open_shared(None, Options { threads: Some(1), ..Options::default() }, &Prelude::default())
            .expect("a database in memory");
    let stale = recipe::windows(node, begins_anew, &stale);
    recipe::recipe(node, warehouse.dialect(), &stale, &known).expect("a recipe")
}

fn expect_recipe(name: &str, recipe: &Recipe) {
    let mut text = String::new();
    for step in &recipe.prepare {
        let _ = writeln!(text, "{};\n", around_the_query(step));
    }
    text += "begin transaction;\n\n";
    for step in &recipe.commit {
        let _ = writeln!(text, "{};\n", around_the_query(step));
    }
    let built = recipe.built(&Measured::default()).expect("nothing was measured");
    for note in recipe.notes(&built, MicrosUtc(1_767_571_200_000_000)) {
        let _ = writeln!(text, "{};\n", shortened(&note));
    }
    text += "commit transaction;\n";
    expect_file(&Path::new(CHECKOUT).join(format!("golden/recipes/{name}.sql")), &text);
}

/// What stands around the table's own query, or around the rows of its file.
fn around_the_query(step: &Step) -> String {
    match step {
        Step::Keep { sql } | Step::View { sql } if sql.lines().count() > 2 => {
            format!("{}\n…", sql.lines().next().unwrap_or_default())
        }
        _ => step.sql().to_owned(),
    }
}

/// Digests change with each word of a query, and say nothing to a reader.
fn shortened(note: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for (at, part) in note.split('\'').enumerate() {
        let is_digest = part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit());
        let is_json = at % 2 == 1 && part.starts_with('{');
        words.push(if is_digest || is_json { "…" } else { part });
    }
    words.join("'")
}
