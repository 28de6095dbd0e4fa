//! DuckDB, embedded: the warehouse on a laptop.

mod error;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use duckdb::{AccessMode, Config, Connection};
use lakebed_core::{
    contract::ColumnType,
    dialect::Dialect,
    prelude::Prelude,
    recipe::{Fence, Recipe},
};
use lakebed_ports::{
    port_error::PortError,
    warehouse::{
        Cost, DescribedColumn, Done, Jobs, QueryResult, Receipt, RunError, Session, Tables,
        Warehouse,
    },
};

/// A checkpoint compresses what was written since the last one; one at the end of a build is
/// cheaper than many within it.
pub const CHECKPOINT_THRESHOLD: &str = "1GB";

/// A DuckDB database, in a file or in memory.
pub struct DuckDb {
    root: Mutex<Connection>,
    version: String,
    jobs: Jobs,
}

/// How to open a database.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads of all statements together; `None`: as many as there are cores.
    pub threads: Option<i64>,
    /// What may be held in memory, in bytes; `None`: 80 % of the machine's. What is more goes to disk, or is
    /// an error of kind `ResourcesExceeded`.
    pub memory_limit_bytes: Option<u64>,
    /// The folder for what does not fit into memory; `None`: beside the database's file.
    pub temp_directory: Option<PathBuf>,
    /// Whether nothing may be changed, so that several processes may read.
    pub is_read_only: bool,
}

impl DuckDb {
    /// Opens or creates a database file; `None` is a database in memory. An error with a place is
    /// one of the functions' file.
    pub fn open(
        path: Option<&Path>,
        options: Options,
        prelude: &Prelude,
    ) -> Result<Self, PortError> {
        let place = path.map_or("memory".to_owned(), |path| path.display().to_string());
        let failed = |error: duckdb::Error| error::not_opened(&place, &error);
        let Options { threads, memory_limit_bytes, temp_directory, is_read_only } = options;
        let mode = if is_read_only { AccessMode::ReadOnly } else { AccessMode::ReadWrite };
        let mut config = Config::default()
            .enable_autoload_extension(false)
            .and_then(|config| config.with("checkpoint_threshold", CHECKPOINT_THRESHOLD))
            .map_err(failed)?;
        if let Some(threads) = threads {
            config = config.threads(threads).map_err(failed)?;
        }
        if let Some(bytes) = memory_limit_bytes {
            config = config.with("memory_limit", format!("{bytes}B")).map_err(failed)?;
        }
        if let Some(folder) = temp_directory {
            config = config.with("temp_directory", folder.to_string_lossy()).map_err(failed)?;
        }
        let connection = match path {
            Some(path) => {
                if !is_read_only && !path.exists() {
                    create(path)?;
                }
                let config = config.access_mode(mode).map_err(failed)?;
                Connection::open_with_flags(path, config)
            }
            None => Connection::open_in_memory_with_flags(config),
        }
        .map_err(failed)?;
        // In one transaction: to commit each of many functions takes longer than to make it.
        connection.execute_batch("begin transaction").map_err(failed)?;
        for statement in prelude.statements() {
            let is_setting = statement.text.to_lowercase().starts_with("set ");
            if is_setting || !is_read_only {
                connection.execute_batch(&statement.text).map_err(|error| {
                    let error = error::of_statement(&statement.text, &error);
                    let within = error.offset().unwrap_or(0);
                    error.at(statement.offset.map(|start| start + within))
                })?;
            }
        }
        connection.execute_batch("commit").map_err(failed)?;
        let version = connection
            .query_row("select version()", [], |row| row.get::<_, String>(0))
            .map_err(|e| error::of_statement("select version()", &e))?;
        Ok(Self { root: Mutex::new(connection), version, jobs: Jobs::default() })
    }
}

impl Dialect for DuckDb {
    fn type_name(&self, kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::String => "varchar",
            ColumnType::Int64 => "bigint",
            ColumnType::Float64 => "double",
            ColumnType::Bool => "boolean",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Bytes => "blob",
            ColumnType::Numeric => "decimal(38, 9)",
            ColumnType::Json => "json",
        }
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        let is_integer = |name: &str| name.ends_with("INT") || name == "INTEGER";
        type_name == "\"NULL\""
            || match kind {
                ColumnType::String => type_name == "VARCHAR",
                // DuckDB sums INT64 in a wider type; the insert fails if it does not fit.
                ColumnType::Int64 => is_integer(type_name),
                ColumnType::Float64 => matches!(type_name, "DOUBLE" | "FLOAT" | "FLOAT64"),
                ColumnType::Bool => type_name == "BOOLEAN",
                ColumnType::Date => type_name == "DATE",
                ColumnType::Timestamp => type_name == "TIMESTAMP",
                ColumnType::Bytes => matches!(type_name, "BLOB" | "BYTES"),
                ColumnType::Numeric => type_name.starts_with("DECIMAL") || is_integer(type_name),
                ColumnType::Json => type_name == "JSON",
            }
    }

    fn hash_sum_expression(&self, columns: &[(&str, Option<ColumnType>)]) -> String {
        // Numbers that fit into these columns may be of another type before they are stored, and then
        // have another hash.
        let hashed = |(name, kind): &(&str, Option<ColumnType>)| match kind {
            Some(kind @ (ColumnType::Int64 | ColumnType::Numeric | ColumnType::Float64)) => {
                format!("cast({name} as {})", self.type_name(*kind))
            }
            _ => (*name).to_owned(),
        };
        let hashed: Vec<String> = columns.iter().map(hashed).collect();
        format!("cast(sum(cast(hash({}) as hugeint)) as varchar)", hashed.join(", "))
    }

    fn byte_length(&self, column: &str, kind: ColumnType) -> String {
        // DuckDB has other functions for the length of texts and of blobs.
        match kind {
            ColumnType::Bytes => format!("octet_length({column})"),
            _ => format!("strlen({column})"),
        }
    }

    fn hash_version(&self) -> String {
        format!("duckdb {}", self.version)
    }

    fn raw_view(&self, source: &str, locators: &[String]) -> String {
        let columns =
            "message_id, published_at, received_at, source, attributes, payload, load_date";
        if locators.is_empty() {
            return format!(
                "create or replace view raw.{source} as select '' as message_id, \
                 timestamp '1970-01-01' as published_at, timestamp '1970-01-01' as received_at, \
                 '' as source, '' as attributes, ''::blob as payload, date '1970-01-01' as load_date \
                 where false"
            );
        }
        format!(
            "create or replace view raw.{source} as select {columns} from read_parquet(\
             ifnull(getvariable('raw_{source}'), {}), \
             hive_partitioning = true, hive_types = {{'load_date': date}})",
            file_list(locators)
        )
    }

    fn raw_objects(&self, source: &str, locators: &[String]) -> String {
        format!("set variable raw_{source} = {}", file_list(locators))
    }

    fn export(&self, query: &str, place: &str) -> String {
        format!("copy ({query}) to {} (format parquet)", quoted(&format!("{place}/rows.parquet")))
    }

    fn file_rows(&self, files: &[String], columns: &[(String, ColumnType)]) -> String {
        if files.is_empty() {
            let null = |(name, kind): &(String, ColumnType)| {
                format!("cast(null as {}) as {name}", self.type_name(*kind))
            };
            let nulls: Vec<String> = columns.iter().map(null).collect();
            return format!("(select {} where false)", nulls.join(", "));
        }
        format!("read_parquet({}, hive_partitioning = false)", file_list(files))
    }
}

impl Warehouse for DuckDb {
    fn dialect(&self) -> &dyn Dialect {
        self
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        let root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = root.try_clone().map_err(|e| error::of_statement("", &e))?;
        Ok(Box::new(DuckDbSession { connection }))
    }

    fn tables(&self) -> Result<Tables, PortError> {
        let rows = self
            .session()?
            .query(
                "select c.schema_name || '.' || c.table_name, v.view_name is not null, c.column_name, \
                 c.data_type from duckdb_columns() as c left join duckdb_views() as v \
                 on v.schema_name = c.schema_name and v.view_name = c.table_name \
                 where not c.internal order by 1, c.column_index",
            )?
            .text_rows()?;
        let mut tables = Tables::new();
        for row in rows {
            let mut cells = row.into_iter().flatten();
            if let (Some(table), Some(is_view), Some(name), Some(type_name)) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            {
                let table = tables.entry(table).or_default();
                table.is_view = is_view == "true";
                table.columns.push(DescribedColumn { name, type_name });
            }
        }
        Ok(tables)
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        self.jobs.claim(self, run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        self.jobs.run(self, recipe)
    }
}

fn file_list(files: &[String]) -> String {
    let files: Vec<String> = files.iter().map(|file| quoted(file)).collect();
    format!("[{}]", files.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

struct DuckDbSession {
    connection: Connection,
}

impl Session for DuckDbSession {
    fn execute(&mut self, sql: &str) -> Result<Done, PortError> {
        let failed = |e: duckdb::Error| error::of_statement(sql, &e);
        let started = Instant::now();
        let mut done = Done::default();
        if changes_rows(sql) {
            let row_count = self.connection.execute(sql, []).map_err(failed)?;
            done.row_count = i64::try_from(row_count).ok();
        } else {
            self.connection.execute_batch(sql).map_err(failed)?;
        }
        done.cost.duration = started.elapsed();
        Ok(done)
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, PortError> {
        let failed = |e: duckdb::Error| error::of_statement(sql, &e);
        let started = Instant::now();
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let rows = statement.query_arrow([]).map_err(failed)?;
        let (schema, batches) = (rows.get_schema(), rows.collect());
        let cost = Cost { duration: started.elapsed(), ..Cost::default() };
        Ok(QueryResult { schema, batches, done: Done { cost, ..Done::default() } })
    }

    fn describe(&mut self, query: &str) -> Result<Vec<DescribedColumn>, PortError> {
        const PREFIX: &str = "describe\n";
        let result = self.query(&format!("{PREFIX}{query}")).map_err(|error| {
            let offset = error.offset().map(|at| at.saturating_sub(PREFIX.len()));
            error.at(offset)
        })?;
        let column = |row: Vec<Option<String>>| {
            let mut cells = row.into_iter().flatten();
            Some(DescribedColumn { name: cells.next()?, type_name: cells.next()? })
        };
        Ok(result.text_rows()?.into_iter().filter_map(column).collect())
    }
}

/// Whether DuckDB says how many rows a statement changed: it does so of those that change some.
fn changes_rows(sql: &str) -> bool {
    const VERBS: [&str; 4] = ["insert", "delete", "merge", "update"];
    let verb = sql.split_whitespace().next().unwrap_or_default();
    VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known))
}

/// Makes an empty database that appears whole or not at all: the engine cannot open a file of which
/// it wrote a part before it was killed or the disk was full.
fn create(path: &Path) -> Result<(), PortError> {
    let place = path.display().to_string();
    let failed = |error: io::Error| error::not_made(&place, error);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = tempfile::Builder::new()
        .prefix(".warehouse-")
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    let file = folder.path().join("new.duckdb");
    let connection = Connection::open(&file).map_err(|e| error::not_opened(&place, &e))?;
    connection.close().map_err(|(_, error)| error::not_opened(&place, &error))?;
    let made = tempfile::TempPath::try_from_path(file).map_err(failed)?;
    match made.persist_noclobber(path) {
        // Another process was quicker; the lock decides who goes on.
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed(error.error))
        }
        _ => Ok(()),
    }
}

/// A shared warehouse in a file.
pub fn open_shared(
    path: Option<&Path>,
    options: Options,
    prelude: &Prelude,
) -> Result<Arc<dyn Warehouse>, PortError> {
    Ok(Arc::new(DuckDb::open(path, options, prelude)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Box<dyn Session> {
        let options = Options { threads: Some(1), ..Options::default() };
        let warehouse = DuckDb::open(None, options, &Prelude::default()).expect("in memory");
        warehouse.session().expect("a session")
    }

    #[test]
    fn a_statement_that_changes_rows_says_how_many() {
        let mut session = session();
        let mut row_count = |sql: &str| session.execute(sql).expect(sql).row_count;
        assert_eq!(row_count("create table t (x bigint)"), None);
        assert_eq!(row_count("insert into t values (1), (2), (3)"), Some(3));
        let merge = "merge into t as t using (select 3 as x union all select 4) as s on t.x = s.x \
                     when not matched then insert (x) values (s.x)";
        assert_eq!(row_count(merge), Some(1));
        assert_eq!(row_count("delete from t where x > 1"), Some(3));
        assert_eq!(row_count("delete from t where x > 1"), Some(0));
        assert_eq!(row_count("create or replace temp table kept as\nselect x from t"), None);
    }

    #[test]
    fn an_error_has_its_place() {
        let sql = "with q as (select 1 as x)\nselect x,\n  zz from q";
        let error = session().describe(sql).expect_err("there is no column zz");
        assert_eq!(error.offset(), sql.find("zz"), "{error}");
        let long = format!("select 1 as a{}, zz from (select 1)", ", 1 as b".repeat(40));
        let error = session().describe(&long).expect_err("there is no column zz");
        assert_eq!(error.offset(), long.find("zz"), "{error}");
    }

    #[test]
    fn an_empty_result_has_its_schema() {
        let result = session().query("select 1 as x where false").expect("a query");
        assert_eq!(result.schema.field(0).name(), "x");
        assert_eq!(result.row_count(), 0);
    }
}
