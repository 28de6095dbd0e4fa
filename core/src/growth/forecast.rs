//! The years beside each other: what each table will be, what a day of it costs, and with which power that
//! grows.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::{
    LimitReached, Simulated, TableDay, Volumes, World, day, day::BuildCharge, limits::limits,
};
use crate::{
    contract::{EngineName, TableName},
    graph::{Domain, Graph, Node},
    ledger::{Ledger, Profile, Sizes},
    project::Project,
    sql::tokens::TokenError,
};

/// Days in which a table or partition that nobody changes is active: then its storage costs less.
pub const ACTIVE_DAYS: i64 = 90;
/// A power of history above this is growth with history; below, it is a remainder of rounding.
const HISTORY_POWER_MAX: f64 = 0.05;

/// What is to be forecast.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The day of year 0. Those of the other years follow by whole years.
    pub start: Date,
    /// The last year.
    pub years: u32,
    /// Days of history that there are in year 0.
    pub history_days: i64,
}

/// How a day's bytes grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Powers {
    /// With the messages of a day: twice as many give 2 to this power as many bytes.
    pub volume: f64,
    /// With the days of history, at the same messages a day.
    pub history: f64,
}

/// A year.
#[derive(Clone, Debug, Serialize)]
pub struct Year {
    /// From 0.
    pub year: u32,
    /// Its day.
    pub date: Date,
    /// Users of the app.
    pub users: f64,
    /// Messages of the day.
    pub messages: f64,
    /// By source: rows and logical bytes of its raw layer.
    pub raw: BTreeMap<TableName, RawYear>,
}

/// A source on the day of a year.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RawYear {
    /// Messages of the day.
    pub messages: f64,
    /// Logical bytes of them.
    pub bytes: f64,
    /// Logical bytes of all messages so far.
    pub stored_bytes: f64,
}

/// A table on the day of a year.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableYear {
    /// Rows.
    pub row_count: f64,
    /// Logical bytes of them.
    pub stored_bytes: f64,
    /// Those of them in partitions that nobody has changed for 90 days.
    pub long_term_bytes: f64,
    /// Partitions; a table without any has one.
    pub partition_count: u64,
    /// Partitions of other tables that the day reads.
    pub partitions_read: u64,
    /// Partitions that the day builds.
    pub partitions_written: u64,
    /// The most partitions that one statement may change.
    pub partitions_changed_max: u64,
    /// Logical bytes that the day's statements process.
    pub processed_bytes: u64,
    /// Bytes that are billed for them.
    pub billed_bytes: u64,
    /// The same, if clustering spoils deletes that would be free.
    pub billed_bytes_max: u64,
    /// Of the billed bytes, those of the table's own query.
    pub select_billed_bytes: u64,
    /// Logical bytes that its own query reads.
    pub select_bytes: u64,
    /// Logical bytes of the rows that the day makes.
    pub made_bytes: f64,
    /// Statements of the day that change rows.
    pub dml_count: u64,
    /// Loads of the day, where Spark makes the rows: one a partition.
    pub load_count: u64,
    /// The longest text of a statement, in bytes.
    pub text_bytes_max: u64,
    /// The year of the last partition's date.
    pub last_year: u64,
}

/// A table over the years.
#[derive(Clone, Debug, Serialize)]
pub struct TableForecast {
    /// Which.
    pub table: TableName,
    /// Whether Spark may run its query.
    pub may_run_on_spark: bool,
    /// How a day of it grows.
    pub powers: Powers,
    /// What to blame, if it grows with history.
    pub blame: Option<String>,
    /// The file and the line of that.
    pub place: Option<String>,
    /// Bytes that a day may process, as its contract says.
    pub budget_bytes: Option<u64>,
    /// The first year that passes it.
    pub over_budget_in: Option<u32>,
    /// By year.
    pub years: Vec<TableYear>,
}

impl TableForecast {
    /// Whether a day costs more the more history there is. What is billed the least anyway, such as a
    /// calendar, does not.
    pub fn grows_with_history(&self) -> bool {
        let is_billed_more =
            |year: &TableYear| year.processed_bytes > crate::ledger::rules::BILLED_BYTES_MIN;
        self.powers.history > HISTORY_POWER_MAX && self.years.last().is_some_and(is_billed_more)
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// What it rests on, in sentences.
    pub assumptions: Vec<String>,
    /// The years.
    pub years: Vec<Year>,
    /// The tables, in the order of the graph.
    pub tables: Vec<TableForecast>,
    /// The limits, each with the table that reaches it first.
    pub limits: Vec<LimitReached>,
}

/// In which of the ways that a pipeline could be built without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Built {
    /// As it is.
    #[default]
    AsItIs,
    /// As if no table had partitions.
    WithoutPartitions,
    /// As if all tables were built whole each day.
    WithoutIncrements,
}

/// Forecasts the tables of a project.
pub fn forecast(
    project: &Project,
    graph: &Arc<Graph>,
    profile: &Profile,
    volumes: &Volumes,
    asked: Asked,
    built: Built,
) -> Result<Forecast, TokenError> {
    let began = asked.start.saturating_sub(asked.history_days.days());
    let mut ledger = Ledger::new(project, graph);
    if built == Built::WithoutPartitions {
        ledger = ledger.without_partitions();
    }
    let mut simulated = Simulated::new(Arc::clone(graph), profile);
    let mut next = began;
    let mut years = Vec::new();
    let mut by_table: BTreeMap<TableName, Vec<TableYear>> = BTreeMap::new();
    for year in 0..=asked.years {
        let date = asked.start.saturating_add(i64::from(year).years());
        simulated.build(next, date.yesterday().unwrap_or(date));
        let days = simulated.build(date, date);
        next = date.tomorrow().unwrap_or(date);
        let world = World::new(graph, profile, volumes, (began, date));
        let mut sizes = world.sizes();
        let mut charges = charges(&mut ledger, &world, &mut sizes, (graph, &days), built)?;
        for node in graph.in_order() {
            let (count, charge) = charges.remove(node.name()).unwrap_or_default();
            let of_year = table_year(&world, &sizes, node, (count, &charge));
            by_table.entry(node.name().clone()).or_default().push(of_year);
        }
        years.push(year_of(graph, volumes, &sizes, year, date));
    }
    let powers = powers(&mut ledger, graph, profile, volumes, asked.start)?;
    let tables: Vec<TableForecast> = graph
        .in_order()
        .map(|node| {
            let years = by_table.remove(node.name()).unwrap_or_default();
            table_forecast(node, years, &powers)
        })
        .collect();
    Ok(Forecast {
        assumptions: assumptions(profile, asked, graph),
        limits: limits(&tables),
        years,
        tables,
    })
}

type Charges = BTreeMap<TableName, (u64, BuildCharge)>;

/// What the day costs, by table, with the partitions that it builds.
fn charges(
    ledger: &mut Ledger<'_>,
    world: &World<'_>,
    sizes: &mut Sizes,
    (graph, days): (&Graph, &[(TableName, TableDay)]),
    built: Built,
) -> Result<Charges, TokenError> {
    let mut charges = Charges::new();
    for (name, table_day) in days {
        let node = graph.node(name);
        let mut partitions: u64 = table_day.tasks.iter().map(|task| task.stamps.len() as u64).sum();
        let whole;
        let table_day = if built == Built::WithoutIncrements {
            partitions = sizes.get(name).map_or(1, |size| size.rows.len() as u64);
            whole = day::whole(node, table_day, world.dates);
            &whole
        } else {
            table_day
        };
        let charge = day::price(ledger, world, sizes, node, table_day)?;
        charges.insert(name.clone(), (partitions, charge));
    }
    Ok(charges)
}

fn table_year(
    world: &World<'_>,
    sizes: &Sizes,
    node: &Node,
    (partitions_written, charge): (u64, &BuildCharge),
) -> TableYear {
    let size = sizes.get(node.name()).cloned().unwrap_or_default();
    // A late change may come to any date within the lateness, so that those are active too.
    let last = world.dates.1;
    let active_from = last.saturating_sub((ACTIVE_DAYS + world.lateness_days()).days());
    let is_old = |date: Date| date < active_from && node.content != Domain::Whole;
    let old = size.rows.iter().filter(|(partition, _)| partition.is_some_and(is_old));
    let long_term: f64 = old.map(|(_, count)| count).sum();
    let changed = charge.statements.iter().filter_map(|c| c.changed.as_ref());
    let runs_on_spark = node.file.runs_on(EngineName::Spark);
    let last_date = size.rows.keys().next_back().copied().flatten();
    TableYear {
        row_count: size.row_count(),
        stored_bytes: size.bytes(),
        long_term_bytes: long_term * size.row_bytes(),
        partition_count: size.rows.len() as u64,
        partitions_read: charge.partitions_read(),
        partitions_written,
        partitions_changed_max: changed
            .map(|scan| scan.partitions_read)
            .max()
            .unwrap_or_default()
            .max(partitions_written.min(super::day::WINDOW_DAYS_MAX as u64)),
        processed_bytes: charge.processed_bytes(),
        billed_bytes: charge.billed_bytes(),
        billed_bytes_max: charge.billed_bytes_max(),
        select_billed_bytes: charge.select_billed_bytes,
        select_bytes: charge.select_bytes,
        made_bytes: charge.made_rows * size.row_bytes(),
        dml_count: charge.dml_count,
        load_count: if runs_on_spark { partitions_written } else { 0 },
        text_bytes_max: charge.text_bytes_max,
        last_year: last_date.map_or(0, |date| u64::try_from(date.year()).unwrap_or_default()),
    }
}

fn year_of(graph: &Graph, volumes: &Volumes, sizes: &Sizes, year: u32, date: Date) -> Year {
    let raw = graph.sources().iter().map(|source| {
        let size = sizes.get(source).cloned().unwrap_or_default();
        let messages = volumes.messages(source, date);
        let of_day = messages * size.row_bytes();
        (source.clone(), RawYear { messages, bytes: of_day, stored_bytes: size.bytes() })
    });
    Year {
        year,
        date,
        users: volumes.users(date),
        messages: volumes.messages_of_all(date),
        raw: raw.collect(),
    }
}

/// The powers of each table, and what to blame: the same day over one and two years of history, and with
/// twice as many messages, all days alike.
fn powers(
    ledger: &mut Ledger<'_>,
    graph: &Arc<Graph>,
    profile: &Profile,
    volumes: &Volumes,
    date: Date,
) -> Result<BTreeMap<TableName, (Powers, Option<crate::ledger::Blame>)>, TokenError> {
    let flat = volumes.flat();
    let twice = flat.times(2.0);
    let (one_year, two_years) = (date.saturating_sub(365.days()), date.saturating_sub(730.days()));
    let mut simulated = Simulated::new(Arc::clone(graph), profile);
    simulated.build(two_years, date.yesterday().unwrap_or(date));
    let days = simulated.build(date, date);
    let mut priced = |volumes: &Volumes, from: Date| {
        let world = World::new(graph, profile, volumes, (from, date));
        let mut sizes = world.sizes();
        charges(ledger, &world, &mut sizes, (graph, &days), Built::AsItIs)
    };
    let mut base = priced(&flat, one_year)?;
    let (longer, more) = (priced(&flat, two_years)?, priced(&twice, one_year)?);
    let bytes = |charges: &Charges, name: &TableName| {
        charges.get(name).map_or(0.0, |(_, charge)| charge.processed_bytes_exact())
    };
    let mut found = BTreeMap::new();
    for (name, _) in &days {
        let of = bytes(&base, name);
        let power = |other: f64| if of > 0.0 && other > 0.0 { (other / of).log2() } else { 0.0 };
        let powers =
            Powers { volume: power(bytes(&more, name)), history: power(bytes(&longer, name)) };
        let blame = base.remove(name).and_then(|(_, charge)| charge.blame().cloned());
        found.insert(name.clone(), (powers, blame));
    }
    Ok(found)
}

fn table_forecast(
    node: &Node,
    years: Vec<TableYear>,
    powers: &BTreeMap<TableName, (Powers, Option<crate::ledger::Blame>)>,
) -> TableForecast {
    let (powers, blame) = powers.get(node.name()).cloned().unwrap_or_default();
    let blame = blame.filter(|_| powers.history > HISTORY_POWER_MAX);
    let budget_bytes = node.file.contract.max_scan.map(|size| size.0);
    let is_over = |year: &TableYear| budget_bytes.is_some_and(|most| year.processed_bytes > most);
    let over = years.iter().position(is_over).and_then(|at| u32::try_from(at).ok());
    TableForecast {
        table: node.name().clone(),
        may_run_on_spark: node.file.runs_on(EngineName::Spark),
        powers,
        place: blame.as_ref().and_then(|blame| blame.place.as_ref()).map(|place| {
            let line = node.file.text[..place.start].matches('\n').count() + 1;
            format!("{}:{line}", node.file.path.display())
        }),
        blame: blame.map(|blame| blame.to_string()),
        budget_bytes,
        over_budget_in: over,
        years,
    }
}

fn assumptions(profile: &Profile, asked: Asked, graph: &Graph) -> Vec<String> {
    let (days, dates) = (profile.day_count(), profile.load_dates);
    let measured = dates.map_or_else(String::new, |(from, to)| format!(", {from} to {to}"));
    vec![
        format!("Rows for each message and bytes of columns are those of a warehouse that was built here over {days} load dates{measured}."),
        "Messages a day are simulated, in one week of each year; between the years they grow by the same share each day.".to_owned(),
        format!("History began {} days before the day of year 0, and nothing is ever deleted.", asked.history_days),
        format!("A load date brings something for each business date of the {} days before it, so that a day builds these again.", graph.lateness_days_max),
        "Products do not grow with users; all else that is sent does.".to_owned(),
        "Merged tables get as many new keys for each message as in the last third of the measured days.".to_owned(),
        "Bytes are logical and an upper bound: clustering may spare some, and nobody promises how many.".to_owned(),
        "A statement that changes rows counts every partition that its condition does not rule out.".to_owned(),
        "Powers are those of the ledger: the same day over one year of history and over two, and with twice the messages.".to_owned(),
    ]
}
