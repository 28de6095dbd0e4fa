//! What the journal is told of a build, and what follows from what was measured.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Built, CheckFailure, Contents, Measured, Part, Recipe, Refusal, Side, measure::Rows};
use crate::{
    contract::{Severity, TableName},
    digest::Digest,
    instant::MicrosUtc,
    plan::{Content, Snapshot, Stamp, snapshot::Partition, window::Window},
    sql::literal,
};

/// Rows of one INSERT into the journal, and bytes of its text: BigQuery takes one megabyte.
const ROWS_MAX: usize = 1000;
const BYTES_MAX: usize = 500_000;

/// What a build tells the journal.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Begin anew: forget what was known of the table. What follows has a greater sequence.
    pub is_reset: bool,
    /// New stamps, by partition of the window.
    pub stamps: Vec<(Partition, Stamp)>,
    /// New contents of partitions.
    pub contents: Vec<(Partition, Content)>,
    /// `delta`: where the rows of a load date lie.
    pub occupied: Vec<(Date, Date, Date)>,
    /// SHA-256 of the SELECT that was sent.
    pub select_sha256: String,
}

impl Entry {
    /// The statements that write it down.
    pub fn statements(
        &self,
        table: &TableName,
        sequence: i64,
        run_id: &str,
        at: MicrosUtc,
    ) -> Vec<String> {
        let table = literal::text(table.as_str());
        let head = format!("{sequence}, {}", literal::text(run_id));
        let at = literal::instant(at);
        let mut builds = Vec::new();
        if self.is_reset {
            builds.push(format!(
                "({head}, 'reset', {table}, null, null, null, null, null, null, {at})"
            ));
        }
        builds.extend(self.stamps.iter().map(|(partition, stamp)| {
            format!(
                "({head}, 'built', {table}, {}, {}, {}, {}, {}, {}, {at})",
                date_literal(*partition),
                digest_literal(stamp.fingerprint),
                digest_literal(stamp.epoch),
                literal::text(&stamp.code.to_json()),
                literal::text(&stamp.inputs),
                literal::text(&self.select_sha256),
            )
        }));
        let contents = self.contents.iter().map(|(partition, content)| {
            let date = date_literal(*partition);
            format!("({sequence}, {table}, {date}, '{}', {})", content.hash_sum, content.row_count)
        });
        let occupied = self.occupied.iter().map(|(load, from, to)| {
            format!("({sequence}, {table}, date '{load}', date '{from}', date '{to}')")
        });
        let mut statements = inserts("lakebed.builds", &builds);
        statements.extend(inserts("lakebed.contents", &contents.collect::<Vec<_>>()));
        statements.extend(inserts("lakebed.occupied_dates", &occupied.collect::<Vec<_>>()));
        statements
    }
}

/// The statements that add rows to a table of the journal.
pub fn inserts(table: &str, rows: &[String]) -> Vec<String> {
    let mut statements = Vec::new();
    let mut left = rows;
    while !left.is_empty() {
        let mut size_bytes = 0;
        let fits = |row: &&String| {
            size_bytes += row.len();
            size_bytes <= BYTES_MAX
        };
        // A row that does not fit alone is sent alone.
        let count = left.iter().take(ROWS_MAX).take_while(fits).count().max(1);
        let (chunk, rest) = left.split_at(count);
        statements.push(format!("insert into {table} values {}", chunk.join(", ")));
        left = rest;
    }
    statements
}

fn date_literal(partition: Partition) -> String {
    partition.map_or("null".to_owned(), |date| format!("date '{date}'"))
}

fn digest_literal(digest: Option<Digest>) -> String {
    digest.map_or("null".to_owned(), |digest| format!("'{digest}'"))
}

impl Recipe {
    /// Whether the new rows of a window may be committed; returns the checks of severity `warn` that
    /// they break.
    pub fn judge(&self, measured: &Measured, part: usize) -> Result<Vec<CheckFailure>, Refusal> {
        let Some(rows) = measured.new.get(&part) else { return Ok(Vec::new()) };
        let part = &self.parts[part];
        if rows.outside_count > 0 {
            return Err(Refusal::OutsideWindow {
                row_count: rows.outside_count,
                window: part.window,
                column: self.window_column.clone(),
            });
        }
        let failures = part.promises.iter().zip(&rows.broken).filter(|(_, count)| **count > 0).map(
            |(promise, broken_count)| CheckFailure {
                promise: promise.text.clone(),
                broken_count: *broken_count,
                severity: promise.severity,
            },
        );
        let (fatal, warnings): (Vec<_>, Vec<_>) =
            failures.partition(|failure| failure.severity == Severity::Fail);
        if fatal.is_empty() { Ok(warnings) } else { Err(Refusal::Promises(fatal)) }
    }

    /// What the build changes, once everything is measured: first that the table begins anew, if it
    /// does, then each window.
    pub fn built(&self, measured: &Measured) -> Result<Vec<Built>, Refusal> {
        let mut snapshot = self.before.clone();
        let mut all = Vec::new();
        if self.begins_anew {
            let reset = Entry { is_reset: true, ..Entry::default() };
            all.push(Built { entry: reset, ..Built::default() });
        }
        for (at, part) in self.parts.iter().enumerate() {
            let none = Rows::default();
            let of = |side| match side {
                Side::Old => measured.old.get(&at).unwrap_or(&none),
                Side::New => measured.new.get(&at).unwrap_or(&none),
            };
            let (old, new) = (of(Side::Old), of(Side::New));
            let mut contents = self.contents(part, &snapshot, (old, new));
            // Contents that are as before need no row in the journal.
            contents.retain(|(p, content)| snapshot.content(&self.table, *p) != *content);
            let occupied = new.occupied.iter().map(|(load, (from, to))| (*load, *from, *to));
            let built = Built {
                entry: Entry {
                    is_reset: false,
                    stamps: part.stamps.clone(),
                    contents,
                    occupied: occupied.collect(),
                    select_sha256: part.select_sha256.clone(),
                },
                row_count: new.row_count,
                warnings: self.judge(measured, at)?,
            };
            built.apply(&self.table, &mut snapshot);
            all.push(built);
        }
        Ok(all)
    }

    /// What the partitions hold after a window was built.
    fn contents(
        &self,
        part: &Part,
        before: &Snapshot,
        (old, new): (&Rows, &Rows),
    ) -> Vec<(Partition, Content)> {
        let mut found: BTreeMap<Partition, Content> = BTreeMap::new();
        match part.contents {
            // The empty ones too, so that what they held before is forgotten.
            Contents::Replaced => {
                let known = before.contents.get(&self.table);
                let replaced: Vec<Partition> = match part.window {
                    Window::Whole => known.into_iter().flatten().map(|(p, _)| *p).collect(),
                    Window::Dates { .. } => part.window.partitions(),
                };
                found.extend(replaced.into_iter().map(|p| (p, Content::EMPTY)));
                found.extend(&new.contents);
            }
            Contents::Moved => {
                for partition in old.contents.keys().chain(new.contents.keys()) {
                    let held = before.content(&self.table, *partition);
                    let removed = old.contents.get(partition).copied().unwrap_or_default();
                    let added = new.contents.get(partition).copied().unwrap_or_default();
                    found.insert(*partition, held.minus(removed).plus(added));
                }
            }
            Contents::StoodFor => {
                found.extend(part.stamps.iter().map(|(partition, stamp)| {
                    let content = stamp.fingerprint.map(Content::standing_for);
                    (*partition, content.unwrap_or_default())
                }));
            }
            Contents::None => {}
        }
        found.into_iter().collect()
    }

    /// The journal's statements, which belong to the transaction.
    pub fn notes(&self, built: &[Built], at: MicrosUtc) -> Vec<String> {
        let numbered = (self.sequence..).zip(built);
        numbered
            .flat_map(|(sequence, built)| {
                built.entry.statements(&self.table, sequence, &self.fence.run_id, at)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sent_in_statements_that_are_not_too_long() {
        let counts = |rows: &[String]| {
            let sent = inserts("t", rows);
            assert!(sent.iter().all(|sql| sql.len() < 1 << 20), "a statement is too long");
            sent.iter().map(|sql| sql.matches('(').count()).collect::<Vec<_>>()
        };
        assert_eq!(counts(&vec!["(1)".to_owned(); 2001]), [1000, 1000, 1]);
        let long = format!("('{}')", "x".repeat(199_996));
        assert_eq!(counts(&vec![long; 5]), [2, 2, 1]);
        assert_eq!(counts(&[format!("('{}')", "x".repeat(600_000)), "(1)".to_owned()]), [1, 1]);
        assert!(inserts("t", &[]).is_empty());
    }
}
