//! A warehouse for tests that refuses what BigQuery refuses and DuckDB takes: over DuckDB, every statement
//! is judged before it is run. What is built over it does not lean on DuckDB's kindness.
//!
//! It judges what a text, a session and a clock can show. What DuckDB itself refuses, and what depends on
//! how much there is (partitions, bytes, slots), is not here.

mod rule;
mod statement;
mod subquery;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    DescribedColumn, Done, Jobs, QueryResult, Receipt, RunError, Session, SharedWarehouse, Tables,
    Warehouse,
};
use crate::{
    dialect::Dialect,
    port_error::PortError,
    recipe::{Fence, Recipe},
    sql::tokens,
};

pub use rule::Rule;
use statement::{Statement, Verb};

/// Bytes of one text.
const TEXT_MAX: usize = 1 << 20;
/// DML statements of one table within [`CHANGES_WITHIN`].
const CHANGES_MAX: usize = 25;
const CHANGES_WITHIN: Duration = Duration::from_secs(10);
/// Tables that one transaction changes.
const TABLES_MAX: usize = 100;
/// From one statement to the next, on the warehouse's own clock: as if four tables were built at a time, and
/// each statement took a second.
const PACE: Duration = Duration::from_millis(250);

/// The warehouse.
pub struct Strict {
    inner: SharedWarehouse,
    state: Arc<Mutex<State>>,
    jobs: Jobs,
}

/// A statement that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub rule: Rule,
    /// The text.
    pub sql: String,
}

/// What all sessions share.
#[derive(Default)]
struct State {
    /// The modelled time.
    now: Duration,
    pace: Duration,
    session_count: u64,
    /// Tables that a transaction has changed, by its session, until it ends.
    held: BTreeMap<String, u64>,
    /// Sessions whose client is gone, and whose transaction is not.
    orphans: BTreeSet<u64>,
    /// When each table was last changed by a transaction, in commits.
    changed_at: BTreeMap<String, u64>,
    commit_count: u64,
    /// When each table got its last DML statements.
    changes: BTreeMap<String, VecDeque<Duration>>,
    refused: Vec<Refused>,
    unread: Vec<String>,
}

impl Strict {
    /// Over a warehouse that nobody else uses.
    pub fn new(inner: SharedWarehouse) -> Self {
        let state = State { pace: PACE, ..State::default() };
        Self { inner, state: Arc::new(Mutex::new(state)), jobs: Jobs::default() }
    }

    /// From here on so much time passes from one statement to the next.
    pub fn set_pace(&self, pace: Duration) {
        lock(&self.state).pace = pace;
    }

    /// What was refused so far.
    pub fn refused(&self) -> Vec<Refused> {
        lock(&self.state).refused.clone()
    }

    /// The texts that are no GoogleSQL, so that their subqueries and joins were not judged.
    pub fn unread(&self) -> Vec<String> {
        lock(&self.state).unread.clone()
    }

    /// Ends the sessions whose clients are gone (`call bq.abort_session`): their tables are free.
    pub fn abort_orphans(&self) {
        let mut state = lock(&self.state);
        let orphans = std::mem::take(&mut state.orphans);
        state.held.retain(|_, session| !orphans.contains(session));
    }
}

struct StrictSession {
    inner: Box<dyn Session>,
    state: Arc<Mutex<State>>,
    id: u64,
    temporary: BTreeSet<String>,
    transaction: Option<Transaction>,
}

struct Transaction {
    /// What was committed by then is seen.
    began_at: u64,
    changed: BTreeSet<String>,
    is_cancelled: bool,
}

impl StrictSession {
    /// Judges a text, and takes note of what it is about to do.
    fn judge(&mut self, sql: &str, is_asked: bool) -> Result<(), PortError> {
        let shared = Arc::clone(&self.state);
        let mut state = lock(&shared);
        let pace = state.pace;
        state.now += pace;
        let verdict = self.verdict(&mut state, sql, is_asked);
        let Err(rule) = verdict else { return Ok(()) };
        state.refused.push(Refused { rule, sql: sql.to_owned() });
        if rule == Rule::ConcurrentChange
            && let Some(transaction) = &mut self.transaction
        {
            transaction.is_cancelled = true;
        }
        Err(PortError::new(rule.kind(), rule.says()))
    }

    fn verdict(&mut self, state: &mut State, sql: &str, is_asked: bool) -> Result<(), Rule> {
        if sql.len() > TEXT_MAX {
            return Err(Rule::TextTooLong);
        }
        for (text, statement) in statement::statements(sql) {
            self.judge_statement(state, &statement)?;
            statement.breaks().map_or(Ok(()), Err)?;
            if is_asked && matches!(statement, Statement::Change { .. }) {
                return Err(Rule::CountAsRows);
            }
            match subquery::judge(text) {
                Ok(broken) => broken.map_or(Ok(()), Err)?,
                Err(subquery::Unreadable) => state.unread.push(text.to_owned()),
            }
            if let Statement::Define { object, is_temporary: false, .. } = &statement
                && object == "view"
                && self.names_temporary(text)
            {
                return Err(Rule::ViewOfTemporary);
            }
        }
        Ok(())
    }

    fn names_temporary(&self, text: &str) -> bool {
        let words = tokens::words(&tokens::tokenize(text).unwrap_or_default());
        words.iter().any(|word| self.temporary.contains(word))
    }

    fn judge_statement(&mut self, state: &mut State, statement: &Statement) -> Result<(), Rule> {
        if let Some(transaction) = &self.transaction
            && transaction.is_cancelled
            && *statement != Statement::Rollback
        {
            return Err(Rule::CancelledTransaction);
        }
        match statement {
            Statement::Begin => {
                if self.transaction.is_some() {
                    return Err(Rule::NoSuchTransaction);
                }
                let (began_at, changed) = (state.commit_count, BTreeSet::new());
                self.transaction = Some(Transaction { began_at, changed, is_cancelled: false });
                Ok(())
            }
            Statement::Commit => {
                let transaction = self.transaction.take().ok_or(Rule::NoSuchTransaction)?;
                state.commit_count += 1;
                let now = state.commit_count;
                state.changed_at.extend(transaction.changed.into_iter().map(|table| (table, now)));
                state.held.retain(|_, session| *session != self.id);
                Ok(())
            }
            Statement::Rollback => {
                self.transaction.take().ok_or(Rule::NoSuchTransaction)?;
                state.held.retain(|_, session| *session != self.id);
                Ok(())
            }
            Statement::Change { table, is_mutating } => self.change(state, table, *is_mutating),
            Statement::Define { name, verb, object, is_temporary } => {
                let is_own = *is_temporary || self.temporary.contains(name);
                if self.transaction.is_some() && !is_own {
                    return Err(Rule::DefinitionInTransaction);
                }
                if *is_temporary && object == "table" && *verb == Verb::Create {
                    self.temporary.insert(name.clone());
                }
                if is_own && *verb == Verb::Drop {
                    self.temporary.remove(name);
                }
                Ok(())
            }
            Statement::Other if self.transaction.is_some() => Err(Rule::ForeignInTransaction),
            Statement::Ask | Statement::Other => Ok(()),
        }
    }

    fn change(&mut self, state: &mut State, table: &str, is_mutating: bool) -> Result<(), Rule> {
        if self.temporary.contains(table) {
            return Ok(());
        }
        let now = state.now;
        let changes = state.changes.entry(table.to_owned()).or_default();
        changes.retain(|at| now.saturating_sub(*at) < CHANGES_WITHIN);
        if changes.len() >= CHANGES_MAX {
            return Err(Rule::TooManyChanges);
        }
        changes.push_back(now);
        let is_held = state.held.get(table).is_some_and(|session| *session != self.id);
        if is_mutating && is_held {
            return Err(Rule::ConcurrentChange);
        }
        let changed_at = state.changed_at.get(table).copied().unwrap_or(0);
        let Some(transaction) = &mut self.transaction else {
            if is_mutating {
                state.commit_count += 1;
                state.changed_at.insert(table.to_owned(), state.commit_count);
            }
            return Ok(());
        };
        if is_mutating {
            if changed_at > transaction.began_at {
                return Err(Rule::ConcurrentChange);
            }
            state.held.insert(table.to_owned(), self.id);
            transaction.changed.insert(table.to_owned());
        }
        if transaction.changed.len() > TABLES_MAX {
            return Err(Rule::TooManyTables);
        }
        Ok(())
    }
}

impl Session for StrictSession {
    fn execute(&mut self, sql: &str) -> Result<Done, PortError> {
        self.judge(sql, false)?;
        self.inner.execute(sql)
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, PortError> {
        self.judge(sql, true)?;
        self.inner.query(sql)
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, PortError> {
        self.judge(query, true)?;
        self.inner.describe(query)
    }
}

impl Drop for StrictSession {
    fn drop(&mut self) {
        if self.transaction.is_some() {
            lock(&self.state).orphans.insert(self.id);
        }
    }
}

impl Warehouse for Strict {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        let inner = self.inner.session()?;
        let mut state = lock(&self.state);
        state.session_count += 1;
        Ok(Box::new(StrictSession {
            inner,
            state: Arc::clone(&self.state),
            id: state.session_count,
            temporary: BTreeSet::new(),
            transaction: None,
        }))
    }

    fn tables(&self) -> Result<Tables, PortError> {
        self.inner.tables()
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        self.jobs.claim(self, run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        self.jobs.run(self, recipe)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
