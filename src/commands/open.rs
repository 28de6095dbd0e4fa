//! Opens what the verbs work with: the project, the data folder, the adapters.

use std::{
    collections::BTreeSet, fmt::Write as _, panic::resume_unwind, path::Path, sync::Arc, thread,
};

use lakebed_duckdb::Options;
use lakebed_local::{LocalExchange, LocalRawStore};
use lakebed_spark::{LocalSpark, SparkPlace};
use sim::Scenario;

use super::{Failure, adapters};
use crate::{
    builder::{BuildOptions, shape},
    cli::{Effort, EngineChoice, Machine, Place},
    contract::TableName,
    data_folder::DataFolder,
    graph::{Graph, Node},
    pipeline::{self, Known, PinOptions, Pipeline, PipelineError},
    plan::Selection,
    prelude::{Prelude, functions_error},
    project::{Project, ProjectFiles},
    raw_store::RawStore,
    sql::tokens::TokenError,
    suggest::similar,
    target::{self, RawStoreKind, Target},
    warehouse::SharedWarehouse,
};

/// What `--engine spark` needs.
const SPARK_HINT: &str = "it takes Java 17 or newer and a Python with `pyspark` 4: install it there, or \
     set SPARK_HOME to a Spark that is unpacked; PYSPARK_PYTHON names another Python than `python3`";

/// The project with its graph.
pub struct OpenProject {
    /// The files.
    pub project: Project,
    /// DuckDB's functions.
    pub prelude: Prelude,
    /// The tables.
    pub graph: Graph,
    /// What it runs on.
    pub target: Target,
    /// What the warehouse may use.
    pub machine: Machine,
}

/// The files of the project.
pub fn files(place: &Place) -> Result<ProjectFiles, Failure> {
    match place.project_folder() {
        Some(folder) => Ok(lakebed_files::read(folder)?),
        None => Ok(lakebed_files::embedded()),
    }
}

/// What the files of a project say, each on its own.
struct ReadFiles {
    target: Target,
    project: Project,
    prelude: Prelude,
}

impl ReadFiles {
    fn of(place: &Place) -> Result<Self, Failure> {
        let target = adapters::target(place)?;
        let project = Project::parse(&files(place)?)?;
        let prelude = Prelude::duckdb(&project)
            .map_err(|error| functions_error("duckdb", &project.duckdb_functions, &error))?;
        Ok(Self { target, project, prelude })
    }

    fn with(self, graph: Graph, place: &Place) -> OpenProject {
        let Self { target, project, prelude } = self;
        OpenProject { project, prelude, graph, target, machine: place.machine.clone() }
    }
}

/// Reads the project.
pub fn project(place: &Place) -> Result<OpenProject, Failure> {
    let read = ReadFiles::of(place)?;
    let graph = Graph::new(&read.project, &read.prelude)?;
    Ok(read.with(graph, place))
}

/// Reads the project, and meanwhile what its warehouse holds: to plan and not to build. Nothing of the
/// data folder is changed.
pub fn project_to_plan(
    place: &Place,
    data: &DataFolder,
    options: PinOptions,
) -> Result<(OpenProject, Pipeline), Failure> {
    let read = ReadFiles::of(place)?;
    let (graph, held) = thread::scope(|scope| {
        let held = scope.spawn(|| Held::of(data, &read.prelude, &place.machine));
        let graph = Graph::new(&read.project, &read.prelude);
        (graph, held.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let open = read.with(graph?, place);
    let pipeline = over(&open, data, held?, options)?;
    Ok((open, pipeline))
}

/// The functions of a project, whatever else is wrong in it: to look at tables needs no more.
pub fn functions(place: &Place) -> Result<Prelude, Failure> {
    let (project, _) = Project::parse_all(&files(place)?);
    Ok(Prelude::duckdb(&project)
        .map_err(|error| functions_error("duckdb", &project.duckdb_functions, &error))?)
}

/// Opens the warehouse of a data folder, which takes no more of the machine than it may.
pub fn warehouse(
    data: &DataFolder,
    prelude: &Prelude,
    machine: &Machine,
    is_read_only: bool,
) -> Result<SharedWarehouse, Failure> {
    let options = Options {
        threads: machine.threads,
        memory_limit_bytes: Some(machine.memory_limit_bytes()),
        temp_directory: machine.temp_directory.clone(),
        is_read_only,
    };
    Ok(lakebed_duckdb::open_shared(Some(&data.warehouse()), options, prelude)?)
}

/// Opens the pipeline over a data folder; nothing of the raw layer is read yet. Every query is
/// checked first.
pub fn unpinned_pipeline(open: &OpenProject, data: &DataFolder) -> Result<Pipeline, Failure> {
    data.create()?;
    check_queries(open)?;
    let warehouse = warehouse(data, &open.prelude, &open.machine, false)?;
    let run_id = pipeline::new_run_id();
    Ok(Pipeline::open(open.graph.clone(), warehouse, &run_id)?)
}

/// Whether each query returns what its contract says. Most are understood without an engine.
fn check_queries(open: &OpenProject) -> Result<(), Failure> {
    let doubtful = shape::doubtful(&open.graph)?;
    if !doubtful.is_empty() {
        let scratch = scratch(open)?;
        shape::ask(scratch.as_ref(), &open.graph, &doubtful).map_err(PipelineError::from)?;
    }
    Ok(())
}

/// An empty warehouse in memory.
fn scratch(open: &OpenProject) -> Result<SharedWarehouse, Failure> {
    let options = Options { threads: Some(1), ..Options::default() };
    lakebed_duckdb::open_shared(None, options, &open.prelude).map_err(|error| {
        let message = error.to_string();
        match error.offset() {
            Some(offset) => {
                let error = TokenError { message, offset };
                functions_error("duckdb", &open.project.duckdb_functions, &error).into()
            }
            None => error.into(),
        }
    })
}

/// Opens the pipeline over the raw objects that there are now.
pub fn pipeline(
    open: &OpenProject,
    data: &DataFolder,
    options: PinOptions,
) -> Result<Pipeline, Failure> {
    refuse_no_data(open, data)?;
    pinned(unpinned_pipeline(open, data)?, open, data, options)
}

/// A warehouse that is only read, with what its journal says.
struct Held {
    warehouse: SharedWarehouse,
    known: Known,
}

impl Held {
    /// Of a data folder; `None` before the first build.
    fn of(
        data: &DataFolder,
        prelude: &Prelude,
        machine: &Machine,
    ) -> Result<Option<Self>, Failure> {
        if !data.warehouse().exists() {
            return Ok(None);
        }
        let warehouse = warehouse(data, prelude, machine, true)?;
        let known = Known::of(warehouse.as_ref())?;
        Ok(Some(Self { warehouse, known }))
    }
}

/// As `pipeline`, to plan and not to build: nothing of the data folder is changed.
pub fn pipeline_to_read(
    open: &OpenProject,
    data: &DataFolder,
    options: PinOptions,
) -> Result<Pipeline, Failure> {
    over(open, data, Held::of(data, &open.prelude, &open.machine)?, options)
}

fn over(
    open: &OpenProject,
    data: &DataFolder,
    held: Option<Held>,
    options: PinOptions,
) -> Result<Pipeline, Failure> {
    refuse_no_data(open, data)?;
    check_queries(open)?;
    let Held { warehouse, known } = match held {
        Some(held) => held,
        // What holds nothing stands for what is not there.
        None => Held { warehouse: scratch(open)?, known: Known::default() },
    };
    let pipeline = Pipeline::open_to_read(open.graph.clone(), warehouse, known)?;
    if !pipeline.has_run_functions() {
        let _tried = scratch(open)?;
    }
    match open.target.raw_store {
        RawStoreKind::Folder => {
            let store = raw_store_to_read(data)?;
            let mut pipeline = pipeline;
            runtime()?.block_on(pipeline.pin(store.as_ref(), options))?;
            Ok(pipeline)
        }
        // Its copies are the only thing that is made.
        RawStoreKind::CloudStorage => pinned(pipeline, open, data, options),
    }
}

/// A raw layer in the data folder is there once something was brought in.
fn refuse_no_data(open: &OpenProject, data: &DataFolder) -> Result<(), Failure> {
    let is_here = open.target.raw_store == RawStoreKind::Folder;
    if is_here && !data.raw().is_dir() { Err(no_data(data)) } else { Ok(()) }
}

fn pinned(
    mut pipeline: Pipeline,
    open: &OpenProject,
    data: &DataFolder,
    options: PinOptions,
) -> Result<Pipeline, Failure> {
    runtime()?
        .block_on(async {
            let store = adapters::raw_files(&open.target, data).await?;
            Ok(pipeline.pin(store.as_ref(), options).await?)
        })
        .map(|()| pipeline)
}

/// The program as it was called, so that lines with it can be typed as they are.
pub fn program() -> String {
    quoted(&std::env::args().next().unwrap_or_else(|| "lakebed".to_owned()))
}

/// The program with the options of its place.
pub fn command_line(place: &Place) -> String {
    let mut line = program();
    if place.target != target::LOCAL {
        let _ = write!(line, " --target {}", quoted(&place.target));
    }
    for (option, folder) in [("project", place.project.as_deref()), ("data", Some(&*place.data))] {
        let is_default = option == "data" && folder == Some(Path::new(Place::DEFAULT_DATA));
        if let Some(folder) = folder.filter(|_| !is_default) {
            let _ = write!(line, " --{option} {}", quoted(&folder.display().to_string()));
        }
    }
    line
}

/// As a shell takes it for one word.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:=+,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Somebody named a source that the project does not have.
pub fn unknown_source(open: &OpenProject, name: &str) -> Failure {
    let known: Vec<&str> = open.project.sources.keys().map(String::as_str).collect();
    Failure::usage(format!("there is no source `{name}`"))
        .hint(format!("the sources are {}", known.join(", ")))
}

/// Nothing was ever brought into the folder, or nothing was built of it.
pub fn no_data(data: &DataFolder) -> Failure {
    if data.raw().is_dir() {
        return Failure::usage(format!("no table is built yet in {}", data.path().display()))
            .hint("`lakebed build` builds them of the messages that are there");
    }
    Failure::usage(format!("there is no data in {}", data.path().display()))
        .hint("`lakebed run` and `lakebed ingest` bring some; --data says where it is")
}

/// Opens the raw layer for those that change nothing.
pub fn raw_store_to_read(data: &DataFolder) -> Result<Arc<dyn RawStore>, Failure> {
    Ok(Arc::new(LocalRawStore::open_to_read(&data.raw())?))
}

/// Lets the pipeline's marked tables run on the engine that was asked for.
pub fn use_engine(
    pipeline: &mut Pipeline,
    open: &OpenProject,
    data: &DataFolder,
    effort: &Effort,
) -> Result<(), Failure> {
    match effort.engine {
        EngineChoice::Duckdb => {}
        EngineChoice::Spark => {
            let prelude = Prelude::spark(&open.project)
                .map_err(|error| functions_error("spark", &open.project.spark_functions, &error))?;
            let place = SparkPlace::from_environment(|name| std::env::var_os(name));
            let spark = LocalSpark::start(&place, &prelude)
                .map_err(|error| Failure::usage(error).hint(SPARK_HINT))?;
            // What a killed build left there; the warehouse is open, so that no other build runs.
            let exchange = LocalExchange::new(data.exchange());
            exchange.clear();
            pipeline.use_engine(Arc::new(spark), Arc::new(exchange));
        }
    }
    Ok(())
}

/// The runtime of what waits: sockets, the bus, the raw store.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::data(error).hint("the machine gave no threads"))
}

/// A scenario of the project, and the text of its file.
pub fn scenario<'a>(open: &'a OpenProject, name: &str) -> Result<(Scenario, &'a str), Failure> {
    let scenarios = &open.project.scenarios;
    let Some(text) = scenarios.get(name) else {
        let known: Vec<&str> = scenarios.keys().map(String::as_str).collect();
        return Err(Failure::usage(format!("there is no scenario `{name}`")).hint(
            if known.is_empty() {
                "this project has none; leave --project out for those inside the binary".to_owned()
            } else {
                format!("the scenarios are {}", known.join(", "))
            },
        ));
    };
    let scenario = Scenario::from_toml(name, text)
        .map_err(|error| Failure::usage(error).hint(format!("it is scenarios/{name}.toml")))?;
    Ok((scenario, text))
}

/// The named tables with what they read; all if none is named.
pub fn tables(graph: &Graph, names: &[String]) -> Result<BTreeSet<TableName>, Failure> {
    if names.is_empty() {
        return Ok(graph.in_order().map(|node| node.name().clone()).collect());
    }
    let wanted = names.iter().map(|name| table(graph, name)).collect::<Result<_, _>>()?;
    Ok(graph.with_upstream(&wanted))
}

/// A table by its name, `layer.table`, or by `table` alone where that is clear.
pub fn table(graph: &Graph, name: &str) -> Result<TableName, Failure> {
    let matches: Vec<&TableName> = graph
        .in_order()
        .map(Node::name)
        .filter(|known| known.as_str() == name || known.table() == name)
        .collect();
    if let [one] = matches.as_slice() {
        return Ok((*one).clone());
    }
    Err(unknown_table(graph, name, matches))
}

/// Somebody named a table that the project does not have, or that might be several.
fn unknown_table(graph: &Graph, name: &str, matches: Vec<&TableName>) -> Failure {
    if !matches.is_empty() {
        let names: Vec<&str> = matches.into_iter().map(TableName::as_str).collect();
        return Failure::usage(format!("`{name}` may be any of {}", names.join(", ")))
            .hint("write the layer too");
    }
    let names = || graph.in_order().map(Node::name);
    let known: Vec<String> = if name.contains('.') {
        names().map(ToString::to_string).collect()
    } else {
        names().map(|known| known.table().to_owned()).collect()
    };
    let all: Vec<&str> =
        names().map(TableName::as_str).filter(|known| known.contains(name)).collect();
    let meant = match similar(name, &known) {
        Some(meant) => format!("did you mean `{meant}`? "),
        None if all.is_empty() => String::new(),
        None => format!("did you mean {}? ", all.join(" or ")),
    };
    Failure::usage(format!("there is no table `{name}`"))
        .hint(format!("{meant}`lakebed show` lists the tables"))
}

/// What a build of these tables does.
pub fn build_options(tables: BTreeSet<TableName>, effort: &Effort) -> BuildOptions {
    BuildOptions {
        selection: Selection { tables, ..Selection::default() },
        window_days_max: effort.window_days,
        jobs: effort.jobs,
    }
}
