//! An engine beside the warehouse: its rows and its SELECTs are those of a build without it.
//!
//! Real Spark is a matter of `tests/conformance/switch.rs`. Here a second DuckDB plays the engine, so
//! that what is exchanged is tested wherever the tests run.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    engine::{Engine, EngineQuery, EngineRows, InputRows},
    error_kind::ErrorKind,
    graph::{Graph, Node},
    pipeline::{PinOptions, Pipeline},
    plan::Selection,
    port_error::PortError,
    prelude::Prelude,
    project::{Project, ProjectFiles},
    warehouse::{SharedWarehouse, Warehouse},
};
use lakebed_duckdb::{Options, open_shared};
use lakebed_local::{LocalExchange, LocalRawStore};
use sha2::{Digest, Sha256};

use crate::harness::World;

/// What the journal knows of partitions, apart from when they were built, and by whom.
const BUILDS: &str = "select table_name, partition_date, select_sha256 \
                      from lakebed.builds where event = 'built' order by 1, 2, 3";
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

    fn run(&self, query: &EngineQuery<'_>) -> Result<EngineRows, PortError> {
        let _ = self.query_count.fetch_add(1, Ordering::Relaxed);
        let warehouse = in_memory(&self.prelude);
        written(warehouse.as_ref(), query).map_err(|error| {
            PortError::new(ErrorKind::FixInput, format!("the engine refuses it: {error}"))
        })?;
        let sha256 = format!("{:x}", Sha256::digest(query.text.as_bytes()));
        Ok(EngineRows { files: vec![format!("{}/rows.parquet", query.place)], sha256 })
    }
}

fn written(warehouse: &dyn Warehouse, query: &EngineQuery<'_>) -> Result<(), PortError> {
    let mut session = warehouse.session()?;
    for input in query.inputs {
        let name = &input.name;
        let files: Vec<String> = match &input.rows {
            InputRows::Files(files) => files.iter().map(|file| file.locator.clone()).collect(),
            InputRows::Place(place) => vec![format!("{place}/*.parquet")],
        };
        session.execute(&format!("create schema if not exists {}", name.layer()))?;
        session.execute(&if name.layer() == "raw" {
            warehouse.dialect().raw_view(name.table(), &files)
        } else {
            let rows = warehouse.dialect().file_rows(&files, &input.columns);
            format!("create view {name} as select * from {rows}")
        })?;
    }
    session.execute(&warehouse.dialect().export(query.text, query.place)).map(drop)
}

fn in_memory(prelude: &Prelude) -> SharedWarehouse {
    let options = Options { threads: Some(1), ..Options::default() };
    open_shared(None, options, prelude).expect("a database in memory")
}

fn project(files: &ProjectFiles) -> Project {
    Project::parse(files).expect("the project is well-formed")
}

fn beside(project: &Project) -> Arc<Beside> {
    let prelude = Prelude::duckdb(project).expect("functions");
    Arc::new(Beside { prelude, query_count: AtomicUsize::new(0) })
}

/// A warehouse in memory over the raw objects of a folder.
struct Lake {
    warehouse: SharedWarehouse,
    data: DataFolder,
}

impl Lake {
    fn new(world: &World) -> Self {
        let prelude = Prelude::duckdb(&project(&lakebed_files::embedded())).expect("functions");
        Self { warehouse: in_memory(&prelude), data: DataFolder::new(&world.data()) }
    }

    fn open(&self, project: &Project, beside: Option<&Arc<Beside>>) -> Pipeline {
        let prelude = Prelude::duckdb(project).expect("functions");
        let graph = Graph::new(project, &prelude).expect("the tables fit together");
        let mut pipeline =
            Pipeline::open(graph, Arc::clone(&self.warehouse), "engine").expect("it opens");
        let store = LocalRawStore::open(&self.data.raw()).expect("raw objects");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(pipeline.pin(&store, PinOptions::default())).expect("raw objects");
        if let Some(beside) = beside {
            pipeline.use_engine(
                Arc::clone(beside) as Arc<dyn Engine>,
                Arc::new(LocalExchange::new(self.data.exchange())),
            );
        }
        pipeline
    }

    /// Builds all tables.
    fn build(&self, project: &Project, beside: Option<&Arc<Beside>>) {
        let mut pipeline = self.open(project, beside);
        let tables: BTreeSet<_> =
            pipeline.graph.in_order().map(|node| node.name().clone()).collect();
        // Windows of two days, so that some begin where others have ended.
        let selection = Selection { tables, ..Selection::default() };
        let options = BuildOptions { selection, window_days_max: 2, jobs: 2 };
        let report = pipeline.build(&options, &|_| {}).expect("a build");
        assert!(report.is_success(), "{:?}", report.tables);
    }

    /// The tables of which something is to be built, with the reasons.
    fn due(
        &self,
        project: &Project,
        beside: Option<&Arc<Beside>>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let pipeline = self.open(project, beside);
        let due = |node: &Node| {
            let due = pipeline.planner().due(node);
            let reasons = due.stale.iter().map(|stale| stale.reason.to_string());
            (!due.is_nothing()).then(|| (node.name().to_string(), reasons.collect()))
        };
        pipeline.graph.in_order().filter_map(due).collect()
    }

    /// What the journal knows.
    fn journal(&self) -> [Vec<Vec<Option<String>>>; 2] {
        let mut session = self.warehouse.session().expect("a session");
        [BUILDS, CONTENTS].map(|sql| {
            session.query(sql).and_then(|result| result.text_rows()).expect("the journal")
        })
    }
}

#[test]
fn an_engine_beside_the_warehouse_changes_nothing() {
    let world = World::with_raw();
    let project = project(&lakebed_files::embedded());
    let beside = beside(&project);
    let [with, without] = [Some(&beside), None].map(|beside| {
        let lake = Lake::new(&world);
        lake.build(&project, beside);
        lake.journal()
    });
    assert!(!with[0].is_empty() && !with[1].is_empty());
    assert_eq!(with, without);
    // Each of the layer's tables has two windows of the three days.
    let marked = project.tables.values().filter(|file| file.runs_on(EngineName::Spark)).count();
    assert_eq!(beside.query_count.load(Ordering::Relaxed), 2 * marked);
    let left = fs::read_dir(DataFolder::new(&world.data()).exchange()).expect("the folder").count();
    assert_eq!(left, 0, "files that were exchanged are still there");
}

/// The shipped project with another function of Spark.
fn with_a_mended_function() -> Project {
    let path = Path::new("layers/functions/spark.sql");
    let mut files = lakebed_files::embedded();
    let functions = files.get(path).expect("Spark's functions").to_string();
    let body = "try_cast(s as BIGINT), null);";
    let mended = functions.replacen(body, "try_cast(s as BIGINT), cast(null as BIGINT));", 1);
    assert_ne!(mended, functions);
    files.insert(path, &mended);
    project(&files)
}

#[test]
fn a_mended_function_of_an_engine_rebuilds_what_that_engine_ran() {
    let world = World::with_raw();
    let (shipped, mended) = (project(&lakebed_files::embedded()), with_a_mended_function());
    let lake = Lake::new(&world);
    lake.build(&shipped, Some(&beside(&shipped)));
    // Whoever runs what is stale now.
    for engine in [None, Some(&beside(&mended))] {
        let due = lake.due(&mended, engine);
        let mut merges = 0;
        for node in lake.open(&mended, None).graph.in_order() {
            let query = node.file.query();
            // Every source has a whole number among its fields.
            let is_used = query.contains("udf.parse_");
            let reasons = due.get(node.name().as_str());
            let said = |reason: &str| Some(BTreeSet::from([reason.to_owned()]));
            if node.file.runs_on(EngineName::Spark) && is_used {
                let wanted = said("its functions of spark changed");
                assert_eq!(reasons, wanted.as_ref(), "{}", node.name());
            } else if let Some(reasons) = reasons {
                let epoch =
                    said("a new epoch: functions of spark, which made rows above it, changed");
                assert_eq!(Some(reasons), epoch.as_ref(), "{}", node.name());
                merges += 1;
            }
        }
        assert!(merges > 5, "{merges} merges begin anew: {due:?}");
    }
    lake.build(&mended, Some(&beside(&mended)));
    assert_eq!(lake.due(&mended, None), BTreeMap::new());
}

#[test]
fn who_runs_a_select_makes_nothing_stale() {
    let world = World::with_raw();
    let (shipped, mended) = (project(&lakebed_files::embedded()), with_a_mended_function());
    for first in [None, Some(&beside(&shipped))] {
        let lake = Lake::new(&world);
        lake.build(&shipped, first);
        for then in [None, Some(&beside(&shipped))] {
            assert_eq!(lake.due(&shipped, then), BTreeMap::new());
        }
        // What Spark did not run does not ask for Spark's functions.
        if first.is_none() {
            assert_eq!(lake.due(&mended, Some(&beside(&mended))), BTreeMap::new());
        }
    }
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
