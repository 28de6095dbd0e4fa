//! Which raw objects a build reads: those of the load dates in its reach. Their list does not grow with the
//! history of the raw layer, and an engine is told of no others.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};

use super::Task;
use crate::{
    contract::TableName,
    graph::{Node, Reach},
    plan::window::Window,
};

/// A raw object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawObject {
    /// Its name within its source, in which the names of folders give columns too:
    /// `load_date=2026-01-05/7f….parquet`.
    pub name: String,
    /// Where it is.
    pub locator: String,
}

/// The pinned objects of each source, by load date.
pub type RawObjects = BTreeMap<TableName, BTreeMap<Date, Vec<RawObject>>>;

/// The first and the last date of an input that a build of a window reads; `None` where that is no range of
/// days.
pub fn reach(node: &Node, input: &TableName, window: Window) -> Option<(Date, Date)> {
    let input = node.inputs.iter().find(|known| known.table == *input)?;
    let (Reach::Window(span), Window::Dates { from, to }) = (&input.reach, window) else {
        return None;
    };
    let first = from.saturating_sub(span.days_before.days());
    Some((first, to.saturating_add(span.days_after.days())))
}

/// The objects of a source that a build of a window reads. A range of days is one of load dates: the graph knows
/// of no other over a source.
pub fn in_reach<'a>(
    node: &Node,
    (source, objects): (&TableName, &'a BTreeMap<Date, Vec<RawObject>>),
    window: Window,
) -> impl Iterator<Item = &'a RawObject> {
    let (first, last) = reach(node, source, window).unwrap_or((Date::MIN, Date::MAX));
    let dates = (first <= last).then(|| objects.range(first..=last));
    dates.into_iter().flatten().flat_map(|(_, objects)| objects)
}

/// Of each source that a build of these windows reads and that has objects, the locators that it reads. There
/// is at least one, since an engine may need one to know the columns: an object of dates out of reach, none of
/// whose rows are asked for.
pub(super) fn read_by(
    node: &Node,
    tasks: &[Task],
    raw: &RawObjects,
) -> BTreeMap<TableName, Vec<String>> {
    let mut read = BTreeMap::new();
    for input in &node.inputs {
        let Some(objects) = raw.get(&input.table).filter(|objects| !objects.is_empty()) else {
            continue;
        };
        let windows = tasks.iter().filter(|task| !task.is_empty()).map(|task| task.window);
        let found = windows.flat_map(|window| in_reach(node, (&input.table, objects), window));
        let mut locators: Vec<String> = found.map(|object| object.locator.clone()).collect();
        locators.sort();
        locators.dedup();
        if locators.is_empty() {
            let any = objects.values().flatten().next();
            locators.extend(any.map(|object| object.locator.clone()));
        }
        read.insert(input.table.clone(), locators);
    }
    read
}
