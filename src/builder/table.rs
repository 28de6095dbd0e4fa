//! Builds one window of one table, in one transaction.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{
    checks::{self, CheckFailure},
    journal::{self, Entry},
    select, statements,
};
use crate::{
    contract::{BuildKind, Severity},
    crash,
    engine::{ExchangeError, ExchangedRows, Outside},
    graph::Node,
    plan::{Content, Snapshot, Stamp, snapshot::Partition, window::Window},
    sql::bind::{Literal, Parameters},
    warehouse::{ErrorKind, Session, Warehouse, WarehouseError},
};

/// The partition of inferred rows, which no reader's result depends on.
const BEGINNING_OF_TIME: Date = jiff::civil::date(1, 1, 1);

/// Why a window was not built. The old data stands.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] WarehouseError),
    /// Another engine was to run the SELECT, and gave no rows.
    #[error(transparent)]
    Outside(#[from] ExchangeError),
    /// The new rows break the contract.
    #[error("the new rows break the contract: {}", checks::describe(.0))]
    Checks(Vec<CheckFailure>),
    /// The query returns rows that the build does not replace: they would be there again and again.
    #[error("{row_count} rows are outside of the window {window} by `{column}`")]
    OutsideWindow {
        /// How many.
        row_count: i64,
        /// What was built.
        window: Window,
        /// The column that says where a row belongs.
        column: String,
    },
    /// A seed's CSV is wrong.
    #[error("{0}")]
    Seed(String),
}

impl BuildError {
    /// Whether the same may succeed on the next attempt.
    pub fn is_transient(&self) -> bool {
        let kind = match self {
            Self::Statement(error) | Self::Outside(ExchangeError::Warehouse(error)) => error.kind(),
            Self::Outside(ExchangeError::Engine(error)) => error.kind(),
            _ => ErrorKind::FixInput,
        };
        kind == ErrorKind::Retry
    }
}

/// What a build changed.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// What was written to the journal.
    pub entry: Entry,
    /// Rows written.
    pub row_count: i64,
    /// Checks of severity `warn` that did not hold.
    pub warnings: Vec<CheckFailure>,
}

impl Built {
    /// Brings a snapshot to what the warehouse now holds.
    pub fn apply(&self, node: &Node, snapshot: &mut Snapshot) {
        if self.entry.is_reset {
            snapshot.forget(node.name());
        }
        let stamps = snapshot.stamps.entry(node.name().clone()).or_default();
        stamps.extend(self.entry.stamps.iter().cloned());
        for (partition, content) in &self.entry.contents {
            snapshot.set_content(node.name(), *partition, *content);
        }
        let occupied = snapshot.occupied.entry(node.name().clone()).or_default();
        for (load, from, to) in &self.entry.occupied {
            occupied.insert(*load, (*from, *to));
        }
    }
}

/// A window to build, with the stamps that its partitions get.
#[derive(Clone, Debug)]
pub struct Task {
    /// Adjacent partitions.
    pub window: Window,
    /// One for each.
    pub stamps: Vec<(Partition, Stamp)>,
    /// Values of the calendar's parameters.
    pub calendar: Parameters,
}

/// Builds windows of one table in one session.
pub struct TableBuilder<'a> {
    /// The engine.
    pub warehouse: &'a dyn Warehouse,
    /// The table.
    pub node: &'a Node,
    /// What the warehouse holds of it.
    pub snapshot: &'a Snapshot,
    /// Names the run in the journal.
    pub run_id: &'a str,
    /// The engine that runs the SELECT, if it is not the warehouse.
    pub outside: Option<Outside<'a>>,
}

/// A query of the warehouse that gives the new rows.
struct NewRows {
    select: String,
    /// SHA-256 of the table's SELECT, as its engine got it.
    sha256: String,
    /// What the query reads, as long as it is needed.
    _exchanged: Option<ExchangedRows>,
}

impl TableBuilder<'_> {
    /// Builds windows, each in a transaction of its own.
    pub fn build(
        &self,
        session: &mut dyn Session,
        task: &Task,
        sequence: i64,
    ) -> Result<Built, BuildError> {
        Self::in_transaction(session, |session| self.replace(session, task, sequence))
    }

    /// Empties the table, or makes it anew, and builds all windows, in one transaction: until it is
    /// committed, readers have the old rows.
    pub fn rebuild(
        &self,
        session: &mut dyn Session,
        tasks: &[Task],
        sequence: i64,
    ) -> Result<Vec<Built>, BuildError> {
        Self::in_transaction(session, |session| {
            let name = self.node.name();
            session.execute(&format!("drop table if exists {name}"))?;
            session.execute(&self.create_table())?;
            let mut fresh = Snapshot::default();
            let reset = Entry { is_reset: true, ..Entry::default() };
            journal::record(session, sequence, self.run_id, name, &reset)?;
            let mut all = vec![Built { entry: reset, ..Built::default() }];
            for (step, task) in (1..).zip(tasks) {
                let builder = TableBuilder { snapshot: &fresh, ..*self };
                let built = builder.replace(session, task, sequence + step)?;
                built.apply(self.node, &mut fresh);
                all.push(built);
            }
            Ok(all)
        })
    }

    /// The statement that creates the table.
    pub fn create_table(&self) -> String {
        let columns: Vec<_> =
            self.node.file.contract.columns.iter().map(|(n, c)| (n.as_str(), c)).collect();
        self.warehouse.create_table(self.node.name().as_str(), &columns)
    }

    fn in_transaction<T>(
        session: &mut dyn Session,
        work: impl FnOnce(&mut dyn Session) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        session.execute("begin transaction")?;
        let result = work(session).and_then(|built| {
            crash::point("builder::before_commit");
            session.execute("commit transaction")?;
            crash::point("builder::after_commit");
            Ok(built)
        });
        if result.is_err() {
            // The first error is the one that says why; a failed statement may have ended the
            // transaction already.
            let _ = session.execute("rollback transaction");
        }
        result
    }

    fn replace(
        &self,
        session: &mut dyn Session,
        task: &Task,
        sequence: i64,
    ) -> Result<Built, BuildError> {
        let is_empty = task.stamps.iter().all(|(_, stamp)| stamp.fingerprint.is_none());
        let mut built = match self.node.build() {
            BuildKind::Partition | BuildKind::Full => {
                self.replace_window(session, task, is_empty)?
            }
            BuildKind::Seed if is_empty => self.replace_window(session, task, is_empty)?,
            BuildKind::Delta => self.replace_delta(session, task, is_empty)?,
            BuildKind::Merge => self.merge(session, task)?,
            BuildKind::History => self.replace_history(session, task)?,
            BuildKind::Seed => self.replace_seed(session)?,
            BuildKind::View => self.replace_view(session)?,
        };
        crash::point("builder::after_statements");
        built.entry.stamps.clone_from(&task.stamps);
        // Contents that are as before need no row in the journal.
        let name = self.node.name();
        built.entry.contents.retain(|(p, content)| self.snapshot.content(name, *p) != *content);
        journal::record(session, sequence, self.run_id, self.node.name(), &built.entry)?;
        Ok(built)
    }

    fn select(
        &self,
        session: &mut dyn Session,
        task: &Task,
        cut: Option<Literal>,
    ) -> Result<NewRows, BuildError> {
        let bound = select::bound(self.node, task.window, &task.calendar, cut)
            .map_err(|e| WarehouseError::new(ErrorKind::Bug, e.to_string()))?;
        let Some(outside) = self.outside.filter(|outside| outside.takes(self.node)) else {
            return Ok(NewRows { select: bound.text, sha256: bound.sha256, _exchanged: None });
        };
        let of = (self.node, task.window);
        let rows = outside.rows(self.warehouse, session, of, &bound.text)?;
        let (select, sha256) = (rows.select.clone(), rows.sha256.clone());
        Ok(NewRows { select, sha256, _exchanged: Some(rows) })
    }

    fn replace_window(
        &self,
        session: &mut dyn Session,
        task: &Task,
        is_empty: bool,
    ) -> Result<Built, BuildError> {
        let column = self.node.partition_column().filter(|_| task.window != Window::Whole);
        let predicate = statements::window_predicate(column, task.window);
        session.execute(&statements::delete(self.node, &predicate))?;
        crash::point("builder::within_statements");
        let mut built = Built::default();
        let mut inserted_count = 0;
        if !is_empty {
            let rows = self.select(session, task, None)?;
            let insert = statements::insert(self.node, &rows.select);
            inserted_count = session.query(&insert)?.count()?;
            built.warnings = self.check(session, self.node.name().as_str(), &predicate)?;
            built.entry.select_sha256 = rows.sha256;
        }
        let found = self.contents(session, self.node.name().as_str(), &predicate)?;
        built.row_count = found.values().map(|content| content.row_count).sum();
        refuse_outside(inserted_count - built.row_count, column, task.window)?;
        built.entry.contents = self.replaced_contents(task.window, found);
        Ok(built)
    }

    /// The window's partitions with what they hold now; the empty ones too, so that what they held
    /// before is forgotten.
    fn replaced_contents(
        &self,
        window: Window,
        found: BTreeMap<Partition, Content>,
    ) -> Vec<(Partition, Content)> {
        let before = self.snapshot.contents.get(self.node.name());
        let mut all: BTreeMap<Partition, Content> = match window {
            Window::Whole => {
                before.into_iter().flatten().map(|(p, _)| (*p, Content::EMPTY)).collect()
            }
            Window::Dates { .. } => {
                window.partitions().into_iter().map(|p| (p, Content::EMPTY)).collect()
            }
        };
        all.extend(found);
        all.into_iter().collect()
    }

    fn replace_delta(
        &self,
        session: &mut dyn Session,
        task: &Task,
        is_empty: bool,
    ) -> Result<Built, BuildError> {
        let mut built = Built::default();
        let column = self.node.partition_column().expect("the contract's form was checked");
        let window_by = self.node.file.contract.window_by.as_deref();
        let in_window = statements::window_predicate(window_by, task.window);
        let new_dates = if is_empty {
            Vec::new()
        } else {
            let rows = self.select(session, task, None)?;
            session.execute(&statements::keep_new_rows(&rows.select))?;
            built.entry.select_sha256 = rows.sha256;
            let outside =
                format!("select countif(({in_window}) is not true) from {}", statements::NEW_ROWS);
            refuse_outside(session.query(&outside)?.count()?, window_by, task.window)?;
            built.warnings = self.check(session, statements::NEW_ROWS, "true")?;
            Self::occupied_by_new_rows(session, column, window_by.unwrap_or_default())?
        };
        // Over the recorded dates and the new ones, never over dates computed from today's constants.
        let recorded = self.snapshot.occupied.get(self.node.name());
        let old_dates = task
            .window
            .partitions()
            .into_iter()
            .flatten()
            .filter_map(|load_date| recorded.and_then(|r| r.get(&load_date)).copied());
        let all: Vec<(Date, Date)> =
            old_dates.chain(new_dates.iter().map(|(_, from, to)| (*from, *to))).collect();
        let from = all.iter().map(|(from, _)| *from).min();
        let to = all.iter().map(|(_, to)| *to).max();
        if let (Some(from), Some(to)) = (from, to) {
            let dates = statements::window_predicate(Some(column), Window::Dates { from, to });
            let predicate = format!("{in_window} and {dates}");
            let table = self.node.name().as_str();
            let old = self.contents(session, table, &predicate)?;
            session.execute(&statements::delete(self.node, &predicate))?;
            crash::point("builder::within_statements");
            let new = if is_empty {
                BTreeMap::new()
            } else {
                session.execute(&statements::insert_new_rows(self.node))?;
                self.contents(session, statements::NEW_ROWS, "true")?
            };
            built.row_count = new.values().map(|content| content.row_count).sum();
            built.entry.contents = self.moved_contents(&old, &new);
        }
        built.entry.occupied = new_dates;
        Ok(built)
    }

    fn occupied_by_new_rows(
        session: &mut dyn Session,
        column: &str,
        window_by: &str,
    ) -> Result<Vec<(Date, Date, Date)>, BuildError> {
        let rows = session
            .query(&format!(
                "select {window_by}, min({column}), max({column}) from {} group by 1",
                statements::NEW_ROWS
            ))?
            .text_rows()?;
        let date = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        let dates =
            rows.iter().filter_map(|row| Some((date(&row[0])?, date(&row[1])?, date(&row[2])?)));
        Ok(dates.collect())
    }

    fn merge(&self, session: &mut dyn Session, task: &Task) -> Result<Built, BuildError> {
        let rows = self.select(session, task, None)?;
        session.execute(&statements::keep_new_rows(&rows.select))?;
        let warnings = self.check(session, statements::NEW_ROWS, "true")?;
        crash::point("builder::within_statements");
        session.execute(&statements::merge_new_rows(self.node))?;
        let row_count =
            session.query(&format!("select count(*) from {}", statements::NEW_ROWS))?.count()?;
        // Which partitions a merge changed is not known without reading the table: what it was
        // made of stands for its contents.
        let contents = task.stamps.iter().map(|(partition, stamp)| {
            (*partition, stamp.fingerprint.map_or(Content::EMPTY, Content::standing_for))
        });
        let entry =
            Entry { contents: contents.collect(), select_sha256: rows.sha256, ..Entry::default() };
        Ok(Built { entry, row_count, warnings })
    }

    fn replace_history(&self, session: &mut dyn Session, task: &Task) -> Result<Built, BuildError> {
        let cut = select::cut(session, self.node, task.window)?.expect("a history has a cut");
        let rows = self.select(session, task, Some(cut.clone()))?;
        session.execute(&statements::keep_new_rows(&rows.select))?;
        let warnings = self.check(session, statements::NEW_ROWS, "true")?;
        let predicate = statements::history_predicate(self.node, &cut.to_string());
        let old = self.contents(session, self.node.name().as_str(), &predicate)?;
        session.execute(&statements::delete(self.node, &predicate))?;
        crash::point("builder::within_statements");
        session.execute(&statements::insert_new_rows(self.node))?;
        let new = self.contents(session, statements::NEW_ROWS, "true")?;
        let row_count =
            session.query(&format!("select count(*) from {}", statements::NEW_ROWS))?.count()?;
        let contents = self.moved_contents(&old, &new);
        let entry = Entry { contents, select_sha256: rows.sha256, ..Entry::default() };
        Ok(Built { entry, row_count, warnings })
    }

    fn replace_seed(&self, session: &mut dyn Session) -> Result<Built, BuildError> {
        let csv = self.node.file.seed_csv.as_deref().unwrap_or_default();
        let rows = statements::insert_seed(self.node, csv).map_err(BuildError::Seed)?;
        session.execute(&statements::delete(self.node, "true"))?;
        session.execute(&rows)?;
        let warnings = self.check(session, self.node.name().as_str(), "true")?;
        let found = self.contents(session, self.node.name().as_str(), "true")?;
        let row_count = found.values().map(|content| content.row_count).sum();
        let contents = self.replaced_contents(Window::Whole, found);
        Ok(Built { entry: Entry { contents, ..Entry::default() }, row_count, warnings })
    }

    fn replace_view(&self, session: &mut dyn Session) -> Result<Built, BuildError> {
        let task = Task { window: Window::Whole, stamps: Vec::new(), calendar: Parameters::new() };
        let NewRows { select, sha256, .. } = self.select(session, &task, None)?;
        session.execute(&format!("create or replace view {} as\n{select}", self.node.name()))?;
        Ok(Built { entry: Entry { select_sha256: sha256, ..Entry::default() }, ..Built::default() })
    }

    /// What is taken away and what is added, on top of what the partitions held.
    fn moved_contents(
        &self,
        old: &BTreeMap<Partition, Content>,
        new: &BTreeMap<Partition, Content>,
    ) -> Vec<(Partition, Content)> {
        let mut moved: BTreeMap<Partition, Content> = BTreeMap::new();
        for partition in old.keys().chain(new.keys()) {
            let before = self.snapshot.content(self.node.name(), *partition);
            let removed = old.get(partition).copied().unwrap_or_default();
            let added = new.get(partition).copied().unwrap_or_default();
            moved.insert(*partition, before.minus(removed).plus(added));
        }
        moved.into_iter().collect()
    }

    /// The contents by partition of the rows that meet a predicate. Of a history, neither the ends
    /// of validity, which follow from the next rows, nor inferred rows count.
    fn contents(
        &self,
        session: &mut dyn Session,
        from: &str,
        predicate: &str,
    ) -> Result<BTreeMap<Partition, Content>, BuildError> {
        let contract = &self.node.file.contract;
        let is_history = contract.build == BuildKind::History;
        let hashed: Vec<&str> = statements::columns(self.node)
            .into_iter()
            .filter(|name| !is_history || Some(*name) != contract.valid_to.as_deref())
            .collect();
        let partition = match self.node.partition_column() {
            Some(column) => format!("cast({column} as date)"),
            None => "cast(null as date)".to_owned(),
        };
        let rows = session
            .query(&format!(
                "select {partition}, {}, count(*) from {from} where {predicate} group by 1",
                self.warehouse.hash_sum_expression(&hashed)
            ))?
            .text_rows()?;
        let mut found = BTreeMap::new();
        for row in rows {
            let date = row[0].as_ref().and_then(|text| text.parse::<Date>().ok());
            let hash_sum = row[1].as_ref().and_then(|text| text.parse().ok());
            let row_count = row[2].as_ref().and_then(|text| text.parse().ok());
            let (Some(hash_sum), Some(row_count)) = (hash_sum, row_count) else { continue };
            if !(is_history && date == Some(BEGINNING_OF_TIME)) {
                found.insert(date, Content { hash_sum, row_count });
            }
        }
        Ok(found)
    }

    /// Fails on broken checks of severity `fail`; returns those of severity `warn`.
    fn check(
        &self,
        session: &mut dyn Session,
        rows: &str,
        predicate: &str,
    ) -> Result<Vec<CheckFailure>, BuildError> {
        let failures = checks::run(session, self.node, rows, predicate)?;
        let (fatal, warnings): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|failure| failure.severity == Severity::Fail);
        if fatal.is_empty() { Ok(warnings) } else { Err(BuildError::Checks(fatal)) }
    }
}

/// A build replaces its window and nothing else, so its query may return nothing else.
fn refuse_outside(row_count: i64, column: Option<&str>, window: Window) -> Result<(), BuildError> {
    if row_count == 0 {
        return Ok(());
    }
    let column = column.unwrap_or_default().to_owned();
    Err(BuildError::OutsideWindow { row_count, window, column })
}
