//! Code that changes in mid-history: what depends on it is built and nothing else, and then the tables
//! are as if it had always been so. What is no code builds nothing.

use std::{collections::BTreeSet, sync::Arc};

use lakebed::{
    contract::{BuildKind, Column, ColumnType, TableName},
    graph::Node,
    project::ProjectFiles,
    verify::{
        Subject,
        compare::{Reading, fingerprints},
        dice::Dice,
        error::shown,
        lake::Lake,
        run,
        subject::Variant,
        trial::ALL_DAYS,
    },
};
use sim::Limits;

use super::{
    Outcome, check_all,
    checks::{build_all, check_as_from_nothing},
    mutants::operators::changes,
    project::{draw, empty_lake, land, of_files, project_files, scope, with_query},
};

/// Changes after which a query still says one thing: no order loses what breaks its ties.
const DEFINITE: [&str; 7] = [
    "DISTINCT dropped",
    "condition dropped",
    "edge moved",
    "function swapped",
    "interval a day off",
    "join's side changed",
    "order turned",
];

const LIMITS: Limits = Limits { max_lateness_days: 2, max_skew_days: 1 };

/// A change of one table's query, in mid-history and back.
fn check_changed_query(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "code");
    let draw = draw(seed, 30);
    let mut lake = empty_lake(draw.limits);
    land(&lake, &draw.messages, &mut dice);
    build_all(&lake)?;
    let readings: Vec<Reading> = lake.variant.graph.in_order().map(Reading::all).collect();
    let before = fingerprints(&lake, &readings).map_err(|error| shown(&error))?;

    let (node, becomes) = some_change(&lake.variant, &mut dice);
    let table = node.name().clone();
    let mut files = project_files().clone();
    files.insert(&node.file.path, &with_query(node, &becomes));
    // Some changes are no SQL.
    let Ok(changed) = variant(&of_files(&files), draw.limits) else { return Ok(()) };
    let as_it_was = std::mem::replace(&mut lake.variant, changed);

    let told = |problem: String| format!("{problem} ({table}: {becomes})");
    check_all_stale(&lake, &table).map_err(&told)?;
    if build_only(&lake, &table).map_err(&told)? {
        check_as_from_nothing(&lake).map_err(&told)?;
    }
    lake.variant = as_it_was;
    if !build_only(&lake, &table).map_err(&told)? {
        return Err(told("the shipped project cannot be built any more".to_owned()));
    }
    let after = fingerprints(&lake, &readings).map_err(|error| shown(&error))?;
    if after != before {
        return Err(told("not as it was, after the change was taken back".to_owned()));
    }
    Ok(())
}

/// Any change of any query: its table, where it stands, and what it becomes.
fn some_change<'a>(variant: &'a Variant, dice: &mut Dice) -> (&'a Node, String) {
    let has_query = |node: &&Node| node.build() != BuildKind::Seed;
    let nodes: Vec<&Node> = variant.graph.in_order().filter(has_query).collect();
    loop {
        let node = *dice.pick(&nodes);
        let query = node.file.query();
        let becomes = if dice.percent(30) {
            let mut changes = changes(query);
            changes.retain(|change| DEFINITE.contains(&change.operator));
            (!changes.is_empty()).then(|| dice.pick(&changes).query.clone())
        } else {
            let others = other_columns(node);
            let other = (!others.is_empty()).then(|| dice.pick(&others));
            other.map(|other| format!("select * replace ({other}) from (\n{query}\n)"))
        };
        if let Some(becomes) = becomes {
            return (node, becomes);
        }
    }
}

/// A column with other values, for each that neither tells rows apart nor has values of its own. A
/// history carries its values on from build to build: there the change is one that, made twice, is as if
/// made once, and not of the hash by which it sees a change.
fn other_columns(node: &Node) -> Vec<String> {
    let contract = &node.file.contract;
    let is_history = contract.build == BuildKind::History;
    let other = |(name, column): (&String, &Column)| {
        let is_free = !contract.grain.contains(name)
            && column.accepted.is_empty()
            && column.references.is_none();
        let other = match column.kind {
            ColumnType::Int64 if is_history => format!("least({name}, 0)"),
            ColumnType::Int64 => format!("{name} + 1"),
            ColumnType::String if is_history && name == "hashdiff" => return None,
            ColumnType::String if is_history => format!("upper({name})"),
            ColumnType::String => format!("{name} || '!'"),
            _ => return None,
        };
        is_free.then(|| format!("{other} as {name}"))
    };
    contract.columns.iter().filter_map(other).collect()
}

fn variant(subject: &Subject, limits: Limits) -> Result<Arc<Variant>, String> {
    let (scope, _) = subject.scope(&BTreeSet::new()).map_err(|error| shown(&error))?;
    scope.variant(limits).map_err(|error| shown(&error))
}

/// All of the table is stale, and what else is reads it.
fn check_all_stale(lake: &Lake<'_>, table: &TableName) -> Outcome {
    let pipeline = lake.open().map_err(|error| shown(&error))?;
    let planner = pipeline.planner();
    for node in pipeline.graph.in_order() {
        let due = planner.due(node);
        let stale: BTreeSet<_> = due.stale.iter().map(|stale| stale.partition).collect();
        if node.name() == table {
            let all = planner.fresh_again(node, &BTreeSet::new());
            if let Some(fresh) = all.iter().find(|fresh| !stale.contains(&fresh.partition)) {
                return Err(format!("{:?} is not stale", fresh.partition));
            }
        } else if !due.is_nothing() && !reads(lake, node, table) {
            return Err(format!("{} does not read it, and is stale", node.name()));
        }
    }
    Ok(())
}

/// Builds what is stale; whether it can be. Only the table is built, and what reads it.
fn build_only(lake: &Lake<'_>, table: &TableName) -> Result<bool, String> {
    let mut pipeline = lake.open().map_err(|error| shown(&error))?;
    // None is taken: what is built from here on has these numbers.
    let first_sequence = pipeline.take_sequences(0);
    let is_built = run::build(&mut pipeline, None, ALL_DAYS).is_ok();
    let mut session = lake.warehouse.session().map_err(|error| shown(&error))?;
    let built = session
        .query(&format!(
            "select distinct table_name from lakebed.builds where sequence >= {first_sequence}"
        ))
        .and_then(|result| result.text_rows())
        .map_err(|error| shown(&error))?;
    for name in built.into_iter().flatten().flatten() {
        let name = TableName::parse(&name).ok_or("a name in the journal")?;
        let node = pipeline.graph.node(&name);
        if name != *table && !reads(lake, node, table) {
            return Err(format!("{name} does not read it, and was built"));
        }
    }
    Ok(is_built)
}

/// Whether a table reads another, directly or not.
fn reads(lake: &Lake<'_>, node: &Node, table: &TableName) -> bool {
    let upstream = lake.variant.graph.with_upstream(&BTreeSet::from([node.name().clone()]));
    upstream.contains(table)
}

#[test]
fn changed_code_holds_for_all_of_history() {
    check_all("code::changed_code_holds_for_all_of_history", 12, check_changed_query);
}

/// Every file of a table with another description, and with comments in contract and query.
fn with_other_prose() -> ProjectFiles {
    let mut files = project_files().clone();
    for node in scope().variant(LIMITS).expect("the project is right").graph.in_order() {
        let path = &node.file.path;
        let text = files.get(path).expect("it was read");
        let about = &node.file.contract.about;
        assert!(text.contains(about.as_str()), "{}", path.display());
        let text = text
            .replacen("/*\n", "/*\n# For people.\n", 1)
            .replacen(about.as_str(), &format!("In other words: {about}"), 1)
            .replace("\n  from ", "\n  -- Where from?\n  from  ");
        files.insert(path, &text);
    }
    files
}

#[test]
fn prose_builds_nothing() {
    let mut lake = empty_lake(LIMITS);
    land(&lake, &draw(1, 30).messages, &mut Dice::new(1, "prose"));
    build_all(&lake).expect("the shipped project can be built");
    let files = with_other_prose();
    lake.variant = variant(&of_files(&files), LIMITS).expect("prose is no mistake");
    let pipeline = lake.open().expect("it can be opened");
    let planner = pipeline.planner();
    for node in pipeline.graph.in_order() {
        assert!(planner.due(node).is_nothing(), "{}", node.name());
    }
}
