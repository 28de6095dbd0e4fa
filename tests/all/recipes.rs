//! The statements of each kind of build, in `golden/recipes/`: everything that is sent for one table,
//! made without a warehouse being asked for anything.

use std::{fmt::Write as _, path::Path, sync::Arc};

use jiff::civil::{Date, date};
use lakebed::{
    builder::tasks,
    clock::MicrosUtc,
    contract::TableName,
    digest::Digest,
    graph::{Domain, Graph, Node},
    plan::{Content, Planner, Reason, Snapshot, Stale, Stamp, snapshot::Partition},
    prelude::Prelude,
    project::Project,
    recipe::{self, Known, Measured, Recipe, Step},
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
        assert!(commit.iter().all(changes), "{}: {commit:?}", node.name());
    }
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
        run_id: "a run".to_owned(),
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
