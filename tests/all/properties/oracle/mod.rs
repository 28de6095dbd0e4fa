//! The tables as they must be, computed in Rust from what the messages mean: never from payloads,
//! never through SQL, and quadratic where that is the plain reading of a rule.
//!
//! A row is its cells joined by `|`, with instants as microseconds, NULL as `-`, and business keys
//! in place of hash keys. [`readings`] gives the same of the warehouse's tables.

mod activity;
mod cells;
mod dimensions;
mod histories;
mod meanings;
mod movements;
mod quality;
mod readings;
mod revenue;
mod sessions;
mod standardized;
mod vault;

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use sim::{Limits, Source};

use activity::Marts;
use cells::cells;
use dimensions::AllHistories;
use histories::histories;
use lakebed::verify::message::Sent;
use meanings::Meanings;

pub use readings::{BusinessKeys, NOT_READ, readings};

/// What stands for what is not known.
const UNKNOWN: &str = "unknown";

/// Rows by table.
#[derive(Clone, Debug, Default)]
pub struct Tables(BTreeMap<String, Vec<Vec<String>>>);

impl Tables {
    fn add(&mut self, table: &str, row: Vec<String>) {
        self.0.entry(table.to_owned()).or_default().push(row);
    }

    /// Adds a row to a set.
    fn add_once(&mut self, table: &str, row: Vec<String>) {
        let rows = self.0.entry(table.to_owned()).or_default();
        if !rows.contains(&row) {
            rows.push(row);
        }
    }

    fn rows_of(&self, table: &str) -> Vec<Vec<String>> {
        self.0.get(table).cloned().unwrap_or_default()
    }

    /// The first cells of a table's rows.
    fn keys_of(&self, table: &str) -> Vec<String> {
        self.rows_of(table).into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    /// Takes the rows of a reading, in order.
    pub fn take(&mut self, name: &str) -> Vec<String> {
        let rows = self.0.remove(name).unwrap_or_default();
        let mut rows: Vec<String> = rows.into_iter().map(|row| row.join("|")).collect();
        rows.sort();
        rows
    }

    /// The tables that nothing has taken.
    pub fn left(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// A hash key in a row: the business key that it stands for.
fn key_or_unknown(key: &str) -> String {
    if key.is_empty() { "(unknown)".to_owned() } else { key.to_owned() }
}

/// The tables that these messages must give; each message counts once, however often it is there.
pub fn tables(messages: &[Sent], limits: Limits) -> Tables {
    let mut tables = Tables::default();
    let meanings = Meanings::of(messages, limits);
    let Some((first_load_date, last_date)) = meanings.load_dates() else {
        // Before the first message there is not even a calendar.
        tables.add("dimensional.dim_date", cells![None::<Date>]);
        return tables;
    };
    let by_source = Source::ALL.map(|source| (source, histories(meanings.changes_of(source))));
    let all_histories = AllHistories { by_source: BTreeMap::from(by_source) };
    standardized::add(&mut tables, &meanings);
    vault::add(&mut tables, &meanings);
    dimensions::add(&mut tables, &meanings, &all_histories);
    let user_days = activity::user_days(&meanings);
    activity::add_facts(&mut tables, &meanings, &user_days);
    let sessions = sessions::sessions(&meanings);
    sessions::add_fact(&mut tables, &sessions);
    let lateness = i64::from(limits.max_lateness_days).days();
    let final_before = last_date - lateness;
    let calendar_from = (first_load_date - lateness).first_of_year();
    let last_final = Some(final_before - 1.day()).filter(|date| *date >= calendar_from);
    tables.add("dimensional.dim_date", cells![last_final]);
    let users = &all_histories.by_source[&Source::DbUsers];
    let marts = Marts { user_days, users, calendar_from, last_date, final_before };
    marts.add(&mut tables);
    sessions::add_funnel(&mut tables, &sessions, &marts);
    revenue::add(&mut tables, &all_histories, &marts);
    quality::add(&mut tables, &meanings, &marts);
    tables
}
