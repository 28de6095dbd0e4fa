//! What a build would cost, before it is begun.

use std::collections::BTreeMap;

use jiff::{ToSpan, tz::TimeZone};

use super::{BuildCharge, Ledger, PricedTexts, Profile, TableSize};
use crate::{
    contract::{BuildKind, TableName},
    graph::{Domain, Node},
    instant::MicrosUtc,
    plan::{Planner, Selection, Snapshot, window::Window},
    recipe::{Known, Task, recipe, select::cut_query, tasks},
    sql::{bind::Literal, tokens::TokenError},
};

/// What a build of a selection would cost, by table. Of partitions that were never built, nobody knows how
/// many rows they will have: they are taken to have as many as others of the table have on average, or as
/// the query reads at the most.
pub fn plan(
    ledger: &mut Ledger<'_>,
    planner: &Planner,
    selection: &Selection,
    window_days_max: usize,
    profile: &Profile,
) -> Result<BTreeMap<TableName, BuildCharge>, TokenError> {
    let mut sizes = profile.sizes.clone();
    let mut found = BTreeMap::new();
    for node in planner.graph().in_order().filter(|n| selection.tables.contains(n.name())) {
        let stale = planner.selected(node, selection);
        let begins_anew = planner.due(node).anew.is_some();
        let tasks = tasks(planner, node, &stale, window_days_max);
        let tasks = crate::recipe::windows(node, begins_anew, &tasks);
        if tasks.is_empty() {
            continue;
        }
        let mut charge = BuildCharge::default();
        for task in &tasks {
            if let Some(sql) = cut_query(node, task.window) {
                charge.statements.push(ledger.statement(&sql, &sizes)?);
            }
            let known = Known {
                snapshot: own_part(planner.snapshot(), node),
                begins_anew,
                cut: cut(node, task, profile),
                ..Known::default()
            };
            let recipe = recipe(node, &PricedTexts, std::slice::from_ref(task), &known);
            let recipe =
                recipe.map_err(|error| TokenError { message: error.to_string(), offset: 0 })?;
            let made = made(node, task, profile, &mut sizes);
            let first = ledger.recipe(node, &recipe, &[made.unwrap_or_default()], &mut sizes)?;
            charge.add(if made.is_some() {
                first
            } else {
                let rows = at_most(&first);
                fill(node, task, rows, &mut sizes);
                ledger.recipe(node, &recipe, &[rows], &mut sizes)?
            });
        }
        found.insert(node.name().clone(), charge);
    }
    Ok(found)
}

fn own_part(snapshot: &Snapshot, node: &Node) -> Snapshot {
    let mut own = Snapshot::default();
    let occupied = snapshot.occupied.get(node.name());
    own.occupied.extend(occupied.map(|dates| (node.name().clone(), dates.clone())));
    own
}

/// `@cut` is known once what is above was built; before, as far back as it lay.
fn cut(node: &Node, task: &Task, profile: &Profile) -> Option<Literal> {
    let Window::Dates { from, .. } = task.window else { return None };
    let days = profile.cut_days.get(node.name()).copied().unwrap_or(1);
    let at = from.saturating_sub(days.days()).to_zoned(TimeZone::UTC).ok()?;
    let micros = at.timestamp().as_microsecond();
    (node.build() == BuildKind::History).then_some(Literal::Timestamp(MicrosUtc(micros)))
}

/// The rows that the query returns, if enough is known of the table. Partitions that it lacks get as many
/// rows as its others have.
fn made(node: &Node, task: &Task, profile: &Profile, sizes: &mut super::Sizes) -> Option<f64> {
    let size = profile.sizes.get(node.name())?;
    let days = f64::from(u32::try_from(task.window.partitions().len()).unwrap_or(u32::MAX));
    match node.build() {
        BuildKind::Merge | BuildKind::History => {
            profile.made.get(node.name()).map(|of_day| of_day * days)
        }
        _ if node.window == Domain::Whole => Some(size.row_count()).filter(|count| *count > 0.0),
        _ => {
            let count = f64::from(u32::try_from(size.rows.len()).unwrap_or(u32::MAX));
            let average = (count > 0.0).then(|| size.row_count() / count)?;
            let mut filled = sizes.get(node.name()).cloned().unwrap_or_default();
            let rows = task.window.partitions().into_iter();
            let made = rows.map(|at| *filled.rows.entry(at).or_insert(average)).sum();
            sizes.set(node.name().clone(), filled);
            Some(made)
        }
    }
}

/// The most rows that a query can return that makes one of one: those of its largest input.
fn at_most(charge: &BuildCharge) -> f64 {
    let scans = charge.statements.iter().flat_map(|statement| &statement.scans);
    let most = scans.map(|scan| scan.row_count).max().unwrap_or_default();
    f64::from(u32::try_from(most).unwrap_or(u32::MAX))
}

/// A table that was never built: its rows lie evenly on its dates, and a value takes what its type takes,
/// or 16 characters.
fn fill(node: &Node, task: &Task, rows: f64, sizes: &mut super::Sizes) {
    let partitions = task.window.partitions();
    let count = f64::from(u32::try_from(partitions.len()).unwrap_or(u32::MAX));
    let mut size = sizes.get(node.name()).cloned().unwrap_or_default();
    if size.columns.is_empty() {
        size = TableSize { columns: guessed(node), ..size };
    }
    let is_whole = node.content == Domain::Whole || node.build() == BuildKind::Merge;
    for partition in partitions {
        let partition = if is_whole { None } else { partition };
        *size.rows.entry(partition).or_default() += rows / count;
    }
    sizes.set(node.name().clone(), size);
}

fn guessed(node: &Node) -> BTreeMap<String, f64> {
    let bytes = |kind| {
        let size = super::rules::size(kind);
        let length = if size.has_length { 16 } else { 0 };
        f64::from(u32::try_from(size.bytes + length).unwrap_or(u32::MAX))
    };
    let columns = node.file.contract.columns.iter();
    columns.map(|(name, column)| (name.clone(), bytes(column.kind))).collect()
}
