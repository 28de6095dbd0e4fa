//! A warehouse that is DuckDB and writes down what the same build would send to BigQuery.
//!
//! The statements of a build are one text for both engines, but for what the warehouse's port gives:
//! types, the hash of rows, the view over raw objects. Of these it notes what BigQuery's would be,
//! and writes down that. Of statements that change a table it keeps, for a few of each kind, what
//! was there before and after.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lakebed::{
    contract::{Column, ColumnType, source::RAW_COLUMNS},
    dialect::Dialect,
    port_error::PortError,
    recipe::{Fence, Recipe},
    sql::{reads::tables_read, tokens::tokenize},
    warehouse::{
        DescribedColumn, Done, Jobs, QueryResult, Receipt, RunError, Session, SharedWarehouse,
        Tables, Warehouse,
    },
};
use sha2::{Digest, Sha256};
use sqlparser::tokenizer::Token;

use crate::{google::type_name, rows::Row, world::all_rows};

/// The temporary table of a build.
pub const NEW_ROWS: &str = "new_rows";
/// How the statement that makes it begins.
const MAKES_NEW_ROWS: &str = "create or replace temp table new_rows as";
/// Changes kept for each table and kind of statement.
const CHANGES_MAX: usize = 2;

/// A statement that changed a table, and the rows that it saw and left.
pub struct Change {
    /// `insert`, `delete` or `merge`.
    pub kind: &'static str,
    /// Its target.
    pub table: String,
    /// The text.
    pub sql: String,
    /// The target and what the statement reads, before.
    pub before: BTreeMap<String, Vec<Row>>,
    /// The target after.
    pub after: Vec<Row>,
    /// The columns of `new_rows`, as the build made them.
    pub new_rows: String,
}

/// A statement as BigQuery would get it.
pub struct Sent {
    /// The text.
    pub sql: String,
    /// The last statement that made `new_rows`; empty if none has.
    pub new_rows: String,
}

/// What was written down.
#[derive(Default)]
pub struct Log {
    /// The statements in order, those left out that differ from an earlier one only in literals.
    pub statements: Vec<Sent>,
    /// Changes to compare.
    pub changes: Vec<Change>,
    /// SHA-256 of each query that stood in a statement, as DuckDB got it.
    pub query_sha256: BTreeSet<String>,
    seen: BTreeSet<String>,
    /// Texts that DuckDB's adapter gave, and what BigQuery's would give.
    translations: BTreeMap<String, String>,
    new_rows: String,
}

impl Log {
    fn note(&mut self, sql: &str) {
        // A statement that stores the rows of a query has the query below its first line.
        if let Some((_, query)) = sql.split_once('\n') {
            self.query_sha256.insert(format!("{:x}", Sha256::digest(query.as_bytes())));
        }
        let mut sql = sql.to_owned();
        for (ours, theirs) in &self.translations {
            sql = sql.replace(ours, theirs);
        }
        if sql.starts_with(MAKES_NEW_ROWS) {
            self.new_rows.clone_from(&sql);
        }
        if self.seen.insert(without_literals(&sql)) {
            self.statements.push(Sent { sql, new_rows: self.new_rows.clone() });
        }
    }
}

/// The warehouse.
pub struct Recorder {
    duckdb: SharedWarehouse,
    log: Arc<Mutex<Log>>,
    tables: Vec<String>,
    jobs: Jobs,
}

impl Recorder {
    /// Over an empty warehouse; `tables` are those whose changes are kept.
    pub fn new(duckdb: SharedWarehouse, tables: Vec<String>) -> Self {
        Self { duckdb, log: Arc::default(), tables, jobs: Jobs::default() }
    }

    /// What was written down so far.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    fn translated(&self, ours: String, theirs: String) -> String {
        self.log().translations.insert(ours.clone(), theirs);
        ours
    }
}

impl Dialect for Recorder {
    fn type_name(&self, kind: ColumnType) -> &'static str {
        self.duckdb.dialect().type_name(kind)
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        self.duckdb.dialect().fits(kind, type_name)
    }

    fn hash_sum_expression(&self, columns: &[(&str, Option<ColumnType>)]) -> String {
        let theirs = format!(
            "cast(sum(cast(farm_fingerprint(to_json_string(struct({}))) as BIGNUMERIC)) as STRING)",
            columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        );
        self.translated(self.duckdb.dialect().hash_sum_expression(columns), theirs)
    }

    fn hash_version(&self) -> String {
        self.duckdb.dialect().hash_version()
    }

    fn raw_view(&self, source: &str, locators: &[String]) -> String {
        let columns = RAW_COLUMNS.iter().filter(|(name, _)| *name != "load_date");
        let columns: Vec<String> =
            columns.map(|(name, kind)| format!("{name} {}", type_name(*kind))).collect();
        let theirs = format!(
            "create or replace external table raw.{source} ({})\nwith partition columns (load_date DATE)\n\
             options (format = 'PARQUET', uris = ['gs://raw/{source}/*'], \
             hive_partition_uri_prefix = 'gs://raw/{source}')",
            columns.join(", ")
        );
        self.translated(self.duckdb.dialect().raw_view(source, locators), theirs)
    }

    fn raw_objects(&self, source: &str, locators: &[String]) -> String {
        // An external table is over all objects.
        let theirs = "select 1 as pinned".to_owned();
        self.translated(self.duckdb.dialect().raw_objects(source, locators), theirs)
    }

    fn export(&self, query: &str, place: &str) -> String {
        self.duckdb.dialect().export(query, place)
    }

    fn file_rows(&self, files: &[String], columns: &[(String, ColumnType)]) -> String {
        self.duckdb.dialect().file_rows(files, columns)
    }

    fn create_temp_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        let null = |(name, column): &(&str, &Column)| {
            format!("cast(null as {}) as {name}", type_name(column.kind))
        };
        let nulls: Vec<String> = columns.iter().map(null).collect();
        let theirs = format!(
            "create or replace temp table {table} as\nselect {} from (select 1 as one) where false",
            nulls.join(", ")
        );
        self.translated(self.duckdb.dialect().create_temp_table(table, columns), theirs)
    }

    fn create_table(&self, table: &str, columns: &[(&str, &Column)]) -> String {
        let mut theirs = format!("create table {table} (");
        for (name, column) in columns {
            let _ = write!(theirs, "\n  {name} {},", type_name(column.kind));
        }
        theirs.push_str("\n)");
        self.translated(self.duckdb.dialect().create_table(table, columns), theirs)
    }
}

impl Warehouse for Recorder {
    fn dialect(&self) -> &dyn Dialect {
        self
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        let duckdb = self.duckdb.session()?;
        Ok(Box::new(Recording { duckdb, log: self.log.clone(), tables: self.tables.clone() }))
    }

    fn tables(&self) -> Result<Tables, PortError> {
        self.duckdb.tables()
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        self.jobs.claim(self, run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        self.jobs.run(self, recipe)
    }
}

struct Recording {
    duckdb: Box<dyn Session>,
    log: Arc<Mutex<Log>>,
    tables: Vec<String>,
}

impl Session for Recording {
    fn execute(&mut self, sql: &str) -> Result<Done, PortError> {
        self.observed(sql, |session| session.execute(sql))
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, PortError> {
        self.observed(sql, |session| session.query(sql))
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, PortError> {
        self.duckdb.describe(query)
    }
}

impl Recording {
    fn observed<T>(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut dyn Session) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        lock(&self.log).note(sql);
        let change = self.change(sql);
        let result = run(self.duckdb.as_mut())?;
        if let Some(mut change) = change {
            change.after = all_rows(self.duckdb.as_mut(), &change.table);
            lock(&self.log).changes.push(change);
        }
        Ok(result)
    }

    /// The statement with what it is about to see, if it is one to be kept: the first of its kind on
    /// rows that are there.
    fn change(&mut self, sql: &str) -> Option<Change> {
        let (kind, table, reads) = target_and_reads(sql)?;
        if !self.tables.contains(&table) {
            return None;
        }
        let kept = {
            let log = lock(&self.log);
            log.changes.iter().filter(|c| c.kind == kind && c.table == table).count()
        };
        if kept >= CHANGES_MAX {
            return None;
        }
        let mut before = BTreeMap::new();
        for name in reads.into_iter().chain([table.clone()]) {
            let rows = all_rows(self.duckdb.as_mut(), &name);
            before.insert(name, rows);
        }
        // What does nothing shows nothing; the first insert is into an empty table.
        if before[&table].is_empty() && (kind != "insert" || kept > 0) {
            return None;
        }
        let new_rows = lock(&self.log).new_rows.clone();
        Some(Change { kind, table, sql: sql.to_owned(), before, after: Vec::new(), new_rows })
    }
}

/// `insert into mart.t (…) select …` gives `insert`, `mart.t` and what the select reads.
fn target_and_reads(sql: &str) -> Option<(&'static str, String, Vec<String>)> {
    let (kind, rest) =
        [("insert", "insert into "), ("delete", "delete from "), ("merge", "merge into ")]
            .into_iter()
            .find_map(|(kind, start)| Some((kind, sql.strip_prefix(start)?)))?;
    let table = rest.split_whitespace().next()?.to_owned();
    let mut reads = Vec::new();
    if let Some((_, select)) = rest.split_once('\n').filter(|_| kind == "insert") {
        // The rows of a seed are no query.
        reads.extend(tables_read(select).into_iter().flatten());
    }
    if sql.contains(NEW_ROWS) {
        reads.push(NEW_ROWS.to_owned());
    }
    Some((kind, table, reads))
}

/// The tokens of a statement, literals left out.
fn without_literals(sql: &str) -> String {
    let Ok(tokens) = tokenize(sql) else { return sql.to_owned() };
    let shown = |token: &Token| match token {
        Token::Number(..) | Token::SingleQuotedString(_) => "?".to_owned(),
        other => other.to_string(),
    };
    tokens.iter().map(|found| shown(&found.token)).collect::<Vec<_>>().join(" ")
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
