//! What one more load date makes stale, and what building it costs.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{ToSpan, civil::Date};

use super::{World, world::each};
use crate::{
    contract::{BuildKind, TableName},
    digest::Digest,
    graph::{Domain, Graph, Node},
    instant::MicrosUtc,
    ledger::{Ledger, PricedTexts, Profile},
    plan::{Content, Planner, Selection, Snapshot, snapshot::Partition, window::Window},
    recipe::{Built, Entry, Known, Task, recipe, select::cut_query, tasks},
    sql::bind::Literal,
    sql::tokens::TokenError,
};

pub use crate::ledger::BuildCharge;

/// The longest window of one statement, in days, as `build` has it.
pub(super) const WINDOW_DAYS_MAX: usize = 31;

/// What a day does with one table.
#[derive(Clone, Debug)]
pub struct TableDay {
    /// The windows that are built.
    pub tasks: Vec<Task>,
    /// `@cut`, of a history.
    pub cut: Option<Literal>,
    /// Where its rows lay before.
    pub before: Snapshot,
}

/// A pipeline of which only the journal is there.
pub struct Simulated {
    graph: Arc<Graph>,
    planner: Planner,
    cut_days: BTreeMap<TableName, i64>,
    first: Option<Date>,
}

impl Simulated {
    /// Before the first message.
    pub fn new(graph: Arc<Graph>, profile: &Profile) -> Self {
        let planner = Planner::new(Arc::clone(&graph), Snapshot::default());
        Self { graph, planner, cut_days: profile.cut_days.clone(), first: None }
    }

    /// Brings messages of all sources in, on these load dates, and builds everything that is stale.
    /// Returns what was built of each table, in the order of the graph.
    pub fn build(&mut self, from: Date, to: Date) -> Vec<(TableName, TableDay)> {
        self.first = self.first.or(Some(from));
        let graph = Arc::clone(&self.graph);
        self.planner.update(|snapshot| {
            for source in graph.sources() {
                for date in each(from, to) {
                    let digest = Digest::of_texts([source.as_str(), &date.to_string()]);
                    snapshot.set_content(source, Some(date), Content::standing_for(digest));
                }
            }
        });
        let all = graph.in_order().map(|node| node.name().clone()).collect();
        let selection = Selection { tables: all, ..Selection::default() };
        let mut found = Vec::new();
        for node in graph.in_order() {
            let stale = self.planner.selected(node, &selection);
            if stale.is_empty() {
                continue;
            }
            let tasks = tasks(&self.planner, node, &stale, WINDOW_DAYS_MAX);
            let before = self.own_part(node);
            let cut = (node.build() == BuildKind::History).then(|| self.cut(node, to));
            for task in &tasks {
                let built = self.built(node, task, to);
                self.planner.apply(node.name(), &[built]);
            }
            found.push((node.name().clone(), TableDay { tasks, cut, before }));
        }
        found
    }

    fn own_part(&self, node: &Node) -> Snapshot {
        let mut own = Snapshot::default();
        let occupied = self.planner.snapshot().occupied.get(node.name());
        own.occupied.extend(occupied.map(|dates| (node.name().clone(), dates.clone())));
        own
    }

    /// The least time that changes of a load date touch.
    fn cut(&self, node: &Node, load_date: Date) -> Literal {
        let days = self.cut_days.get(node.name()).copied().unwrap_or(1);
        let date = load_date.saturating_sub(days.days());
        let seconds =
            date.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |z| z.timestamp().as_second());
        Literal::Timestamp(MicrosUtc(seconds * 1_000_000))
    }

    /// What a build changes: every partition that a load date may touch is another one after it.
    fn built(&self, node: &Node, task: &Task, last: Date) -> Built {
        let name = node.name().as_str();
        let content = |date: Partition, by: &str| {
            let date_text = date.map(|date| date.to_string()).unwrap_or_default();
            (date, Content::standing_for(Digest::of_texts([name, &date_text, by])))
        };
        let mut entry = Entry { stamps: task.stamps.clone(), ..Entry::default() };
        let stamped = task.stamps.iter().filter_map(|(partition, stamp)| {
            stamp.fingerprint.map(|fingerprint| (*partition, fingerprint.to_string()))
        });
        match node.build() {
            BuildKind::View => {}
            BuildKind::Partition | BuildKind::Merge => {
                entry.contents.extend(stamped.map(|(partition, by)| content(partition, &by)));
            }
            BuildKind::Full | BuildKind::Seed if node.content != Domain::Whole => {
                // A date is final after the greatest lateness; nothing else changes in a calendar.
                let final_to = last.saturating_sub(self.graph.lateness_days_max.days());
                let dates = self.calendar(last);
                entry.contents.extend(
                    each(dates.0, dates.1).map(|date| {
                        content(Some(date), if date < final_to { "final" } else { "" })
                    }),
                );
            }
            BuildKind::Full | BuildKind::Seed => entry.contents.push(content(None, "")),
            BuildKind::Delta | BuildKind::History => {
                for (partition, by) in stamped {
                    let Some(load_date) = partition else { continue };
                    let days = match node.build() {
                        BuildKind::Delta => self.graph.lateness_days_max,
                        _ => self.cut_days.get(node.name()).copied().unwrap_or(1),
                    };
                    let first = self.first.unwrap_or(load_date);
                    let from = load_date.saturating_sub(days.days()).max(first);
                    let touched = each(from, load_date).map(|date| content(Some(date), &by));
                    entry.contents.extend(touched);
                    if node.build() == BuildKind::Delta {
                        entry.occupied.push((load_date, from, load_date));
                    }
                }
            }
        }
        let held = self.planner.snapshot();
        entry.contents.retain(|(date, content)| held.content(node.name(), *date) != *content);
        Built { entry, ..Built::default() }
    }

    fn calendar(&self, last: Date) -> (Date, Date) {
        let first = self.first.unwrap_or(last);
        let from = first.saturating_sub(self.graph.lateness_days_max.days());
        (from.first_of_year(), last.last_of_year())
    }
}

/// What building a table costs in a world.
pub fn price(
    ledger: &mut Ledger<'_>,
    world: &World<'_>,
    sizes: &mut crate::ledger::Sizes,
    node: &Node,
    day: &TableDay,
) -> Result<BuildCharge, TokenError> {
    let known = Known { snapshot: day.before.clone(), cut: day.cut.clone(), ..Known::default() };
    let mut charge = BuildCharge::default();
    for task in &day.tasks {
        if let Some(sql) = cut_query(node, task.window) {
            charge.statements.push(ledger.statement(&sql, sizes)?);
        }
        let recipe = recipe(node, &PricedTexts, std::slice::from_ref(task), &known);
        let recipe =
            recipe.map_err(|error| TokenError { message: error.to_string(), offset: 0 })?;
        let made = world.made(node, task.window);
        charge.made_rows += made;
        charge.add(ledger.recipe(node, &recipe, &[made], sizes)?);
    }
    Ok(charge)
}

/// A build of all of a table at once, as if it were never built by parts.
pub fn whole(node: &Node, day: &TableDay, dates: (Date, Date)) -> TableDay {
    let window = if node.window == Domain::Whole {
        Window::Whole
    } else {
        Window::Dates { from: dates.0, to: dates.1 }
    };
    let stamps = day.tasks.first().map(|task| task.stamps.clone()).unwrap_or_default();
    let calendar = day.tasks.first().map(|task| task.calendar.clone()).unwrap_or_default();
    let first = dates.0.saturating_sub(40.days());
    let seconds = first.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |z| z.timestamp().as_second());
    let cut = day.cut.as_ref().map(|_| Literal::Timestamp(MicrosUtc(seconds * 1_000_000)));
    let occupied = day.before.occupied.iter().map(|(name, known)| {
        let all = known.iter().map(|(load, at)| (*load, *at)).collect();
        (name.clone(), all)
    });
    let before = Snapshot { occupied: occupied.collect(), ..Snapshot::default() };
    TableDay { tasks: vec![Task { window, stamps, calendar }], cut, before }
}
