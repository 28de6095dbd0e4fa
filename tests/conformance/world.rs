//! A scenario, built by the product's own code: what the other engines are compared with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lakebed::{
    data_folder::DataFolder,
    graph::Graph,
    pipeline::{PinOptions, Pipeline},
    prelude::Prelude,
    project::Project,
    warehouse::{Session, SharedWarehouse},
};
use lakebed_duckdb::{Options, open_shared};
use lakebed_local::LocalRawStore;

use crate::rows::{Row, rows};

/// The checkout, whose files are tested, and not those inside of the binary.
pub const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");

/// The project's files.
pub struct OpenProject {
    /// What they say.
    pub project: Project,
    /// DuckDB's functions.
    pub duckdb: Prelude,
    /// BigQuery's functions.
    pub bigquery: Prelude,
    /// Spark's functions.
    pub spark: Prelude,
    /// The tables.
    pub graph: Graph,
    /// An empty database with DuckDB's functions.
    scratch: SharedWarehouse,
}

impl OpenProject {
    /// Reads the checkout.
    pub fn read() -> Self {
        let files = lakebed_files::read(Path::new(CHECKOUT)).expect("the checkout is a project");
        let project = Project::parse(&files).expect("the project is well-formed");
        let duckdb = Prelude::duckdb(&project).expect("DuckDB's functions have tokens");
        let bigquery = Prelude::bigquery(&project).expect("BigQuery's functions have tokens");
        let spark = Prelude::spark(&project).expect("Spark's functions have tokens");
        let graph = Graph::new(&project, &duckdb).expect("the tables fit together");
        let scratch = in_memory(&duckdb);
        Self { project, duckdb, bigquery, spark, graph, scratch }
    }

    /// A session in an empty database with DuckDB's functions.
    pub fn in_memory(&self) -> Box<dyn Session> {
        self.scratch.session().expect("a session")
    }
}

/// A scenario's data, with all tables built.
pub struct World {
    /// Its tables, over the raw objects.
    pub pipeline: Pipeline,
    data: PathBuf,
}

impl World {
    /// Simulates a scenario into a folder and builds its tables with `lakebed run`.
    pub fn run(open: &OpenProject, scenario: &str, folder: &Path) -> Self {
        let data = folder.join(scenario);
        let output = Command::new(env!("CARGO_BIN_EXE_lakebed"))
            .args(["run", scenario, "--ingest", "direct", "--project", CHECKOUT, "--data"])
            .arg(&data)
            .output()
            .expect("lakebed starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`lakebed run {scenario}` failed:\n{said}");
        Self::built(open, &data)
    }

    /// A data folder in which tables were built.
    pub fn built(open: &OpenProject, data: &Path) -> Self {
        let place = DataFolder::new(data);
        let options = Options::default();
        let warehouse = open_shared(Some(&place.warehouse()), options, &open.duckdb)
            .unwrap_or_else(|error| panic!("{}: {error}", data.display()));
        let pipeline = Self::open(open, warehouse, data);
        Self { pipeline, data: data.to_path_buf() }
    }

    /// A pipeline in another warehouse over the raw objects of a data folder.
    pub fn open(open: &OpenProject, warehouse: SharedWarehouse, data: &Path) -> Pipeline {
        let mut pipeline = Pipeline::open(open.graph.clone(), warehouse, "conformance")
            .expect("a warehouse that was opened");
        let store = LocalRawStore::open(&DataFolder::new(data).raw()).expect("raw objects");
        let pinned = pipeline.pin(&store, PinOptions::default());
        tokio::runtime::Runtime::new().expect("a runtime").block_on(pinned).expect("raw objects");
        pipeline
    }

    /// Where its data is.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Puts the same raw objects into another data folder.
    pub fn copy_raw(&self, data: &Path) {
        copy(&DataFolder::new(&self.data).raw(), &DataFolder::new(data).raw());
    }

    /// A session in DuckDB.
    pub fn session(&self) -> Box<dyn Session> {
        self.pipeline.warehouse.session().expect("a session")
    }
}

/// An empty database with these functions.
pub fn in_memory(prelude: &Prelude) -> SharedWarehouse {
    let options = Options::default();
    open_shared(None, options, prelude).expect("a database in memory")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            let _ = fs::copy(entry.path(), &target).expect("room for a copy");
        }
    }
}

/// The rows of tables.
pub fn contents<'a>(
    session: &mut dyn Session,
    tables: impl IntoIterator<Item = &'a str>,
) -> BTreeMap<String, Vec<Row>> {
    let content = |table: &str| (table.to_owned(), all_rows(session, table));
    tables.into_iter().map(content).collect()
}

/// All rows of a table.
pub fn all_rows(session: &mut dyn Session, table: &str) -> Vec<Row> {
    query(session, &format!("select * from {table}"))
}

/// The rows of a query that cannot fail.
pub fn query(session: &mut dyn Session, sql: &str) -> Vec<Row> {
    let result = session.query(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    rows(&result.batches)
}
