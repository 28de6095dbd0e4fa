//! An engine beside the warehouse: its rows and its SELECTs are those of a build without it.
//!
//! Real Spark is a matter of `tests/conformance/switch.rs`. Here a second DuckDB plays the engine, so
//! that what is exchanged is tested wherever the tests run.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lakebed::{
    builder::BuildOptions,
    contract::EngineName,
    data_folder::DataFolder,
    engine::{Engine, EngineError, EngineQuery, EngineRows},
    error_kind::ErrorKind,
    graph::Graph,
    pipeline::{PinOptions, Pipeline},
    prelude::Prelude,
    project::{Project, ProjectFiles},
    raw_store::LocalRawStore,
    warehouse::{
        SharedWarehouse, Warehouse, WarehouseError,
        duckdb::{Options, open_shared},
    },
};
use sha2::{Digest, Sha256};

use crate::harness::World;

/// What the journal knows of partitions, apart from when they were built.
const BUILDS: &str = "select table_name, partition_date, fingerprint, select_sha256 \
                      from lakebed.builds where event = 'built' order by 1, 2, 3, 4";
const CONTENTS: &str = "select table_name, partition_date, hash_sum, row_count \
                        from lakebed.contents order by 1, 2, 3, 4";

/// A database of its own for each query, which sees nothing but the files that it is given.
struct Beside {
    prelude: Prelude,
    query_count: AtomicUsize,
}

impl Engine for Beside {
    fn name(&self) -> EngineName {
        EngineName::Spark
    }

    fn run(&self, query: &EngineQuery<'_>) -> Result<EngineRows, EngineError> {
        let _ = self.query_count.fetch_add(1, Ordering::Relaxed);
        let warehouse = in_memory(&self.prelude);
        let file = query.folder.join("rows.parquet").display().to_string();
        written(warehouse.as_ref(), query, &file).map_err(|error| {
            EngineError::new(ErrorKind::FixInput, format!("the engine refuses it: {error}"))
        })?;
        let sha256 = format!("{:x}", Sha256::digest(query.text.as_bytes()));
        Ok(EngineRows { files: vec![file], sha256 })
    }
}

fn written(
    warehouse: &dyn Warehouse,
    query: &EngineQuery<'_>,
    file: &str,
) -> Result<(), WarehouseError> {
    let mut session = warehouse.session()?;
    for input in query.inputs {
        let name = &input.name;
        let files: Vec<String> = input.files.iter().map(|file| file.locator.clone()).collect();
        session.execute(&format!("create schema if not exists {}", name.layer()))?;
        session.execute(&if name.layer() == "raw" {
            warehouse.raw_view(name.table(), &files)
        } else {
            let rows = warehouse.file_rows(&files, &input.columns);
            format!("create view {name} as select * from {rows}")
        })?;
    }
    session.execute(&warehouse.export(query.text, file))
}

fn in_memory(prelude: &Prelude) -> SharedWarehouse {
    let options = Options { threads: Some(1), is_read_only: false };
    open_shared(None, options, prelude).expect("a database in memory")
}

/// Builds all tables over the raw objects of a folder, and gives what the journal then knows.
fn built(data: &Path, beside: Option<Arc<Beside>>) -> [Vec<Vec<Option<String>>>; 2] {
    let project = Project::parse(&ProjectFiles::embedded()).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("functions");
    let graph = Graph::new(&project, &prelude).expect("the tables fit together");
    let tables: BTreeSet<_> = graph.in_order().map(|node| node.name().clone()).collect();
    let warehouse = in_memory(&prelude);
    let mut pipeline =
        Pipeline::open_checked(graph, warehouse.clone(), "engine".to_owned()).expect("it opens");
    let store = LocalRawStore::open(&DataFolder::new(data).raw()).expect("raw objects");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(pipeline.pin(&store, PinOptions::default())).expect("raw objects");
    if let Some(beside) = beside {
        pipeline.use_engine(beside, DataFolder::new(data).exchange());
    }
    // Windows of two days, so that some begin where others have ended.
    let options =
        BuildOptions { tables, dates: None, full: BTreeSet::new(), window_days_max: 2, jobs: 2 };
    let report = pipeline.build(&options, &|_| {}).expect("a build");
    assert!(report.is_success(), "{:?}", report.tables);
    let mut session = warehouse.session().expect("a session");
    [BUILDS, CONTENTS]
        .map(|sql| session.query(sql).and_then(|result| result.text_rows()).expect("the journal"))
}

#[test]
fn an_engine_beside_the_warehouse_changes_nothing() {
    let world = World::with_raw();
    let project = Project::parse(&ProjectFiles::embedded()).expect("the project is well-formed");
    let prelude = Prelude::duckdb(&project).expect("functions");
    let beside = Arc::new(Beside { prelude, query_count: AtomicUsize::new(0) });
    let with = built(&world.data(), Some(beside.clone()));
    let without = built(&world.data(), None);
    assert!(!with[0].is_empty() && !with[1].is_empty());
    assert_eq!(with, without);
    // Each of the layer's tables has two windows of the three days.
    let marked = project.tables.values().filter(|file| file.runs_on(EngineName::Spark)).count();
    assert_eq!(beside.query_count.load(Ordering::Relaxed), 2 * marked);
    let left = fs::read_dir(DataFolder::new(&world.data()).exchange()).expect("the folder").count();
    assert_eq!(left, 0, "files that were exchanged are still there");
}

#[test]
fn without_spark_nothing_is_built_and_one_is_told_how_to_get_it() {
    let world = World::with_raw();
    let build =
        world.lakebed("build --engine spark").env("PYSPARK_DRIVER_PYTHON", "no-such-python");
    let said = build.run().status(2).stderr_contains("cannot start Spark by no-such-python");
    let _ = said.stderr_contains("hint: it takes Java 17");
    let _ = world.lakebed("build").run().status(0);
}
