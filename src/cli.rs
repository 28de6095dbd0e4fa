//! The command line.

mod explain;
mod growth;
mod machine;
mod own_data;
mod services;
mod verify;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

pub use explain::ExplainArgs;
pub use growth::{CostArgs, Curve, GrowthArgs, StorageClass, Without};
pub use machine::Machine;
pub use own_data::{CompletionsArgs, DriftArgs, IngestArgs, InitArgs, SimArgs, SimFormat};
pub use services::{ArchiveArgs, GatewayArgs, LogFormat, TailArgs, TargetArgs, TargetCommand};
pub use verify::VerifyArgs;

use crate::{ingest::IngestMode, target};

/// Simulate, run and prove a five-layer event pipeline on a laptop
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// Where the project is and where the data goes.
    #[command(flatten)]
    pub place: Place,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// A project folder with `layers/` and `scenarios/`; without it this folder, if it is one, and else
    /// the project inside the binary
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Where bus, raw layer and warehouse are
    #[arg(long, global = true, value_name = "DIR", default_value = Self::DEFAULT_DATA)]
    pub data: PathBuf,
    /// What it runs on: a target of the project's `lakebed.toml`
    #[arg(long, global = true, value_name = "NAME", default_value = target::LOCAL)]
    pub target: String,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What the warehouse may use.
    #[command(flatten)]
    pub machine: Machine,
}

impl Place {
    /// Where the data goes if nothing else is said.
    pub const DEFAULT_DATA: &str = "lakebed-data";

    /// The folder of the project: the one that was named, or this one if it has sources. `None`: the
    /// project inside the binary.
    pub fn project_folder(&self) -> Option<&Path> {
        let here = Path::new(".");
        self.project.as_deref().or_else(|| here.join("layers/raw").is_dir().then_some(here))
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Simulate a scenario, bring it in, build all tables and grade them against the truth
    #[command(
        after_help = "Examples:\n  lakebed run\n  lakebed run tiny --data /tmp/tiny\n  lakebed run --ingest direct --data direct-data"
    )]
    Run(RunArgs),
    /// Listen for phones and put what they send on the bus; archive it too, if the bus is embedded
    #[command(after_help = services::GATEWAY_EXAMPLES)]
    Gateway(GatewayArgs),
    /// Write what comes on the bus into the raw layer, until told to end
    #[command(after_help = services::ARCHIVE_EXAMPLES)]
    Archive(ArchiveArgs),
    /// Print messages as they come on the bus
    #[command(after_help = services::TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// Look at what a target needs
    #[command(after_help = services::TARGET_EXAMPLES)]
    Target(TargetArgs),
    /// Bring files of messages into the raw layer, one JSON object a line or lists of them
    #[command(after_help = own_data::INGEST_EXAMPLES)]
    Ingest(IngestArgs),
    /// Say which partitions are stale, why, and what a build would read
    #[command(
        after_help = "Examples:\n  lakebed plan\n  lakebed plan mart.daily_active_users --json\n  lakebed plan --bytes"
    )]
    Plan(PlanArgs),
    /// Build what is stale
    #[command(
        after_help = "Examples:\n  lakebed build\n  lakebed build mart.daily_active_users\n  lakebed build --from 2026-01-05 --to 2026-01-07 --full\n  lakebed build --engine spark\n  lakebed build --prune\n  lakebed build --emit-script script"
    )]
    Build(BuildArgs),
    /// Forecast what the tables will be in years, what a day of them reads, and which limit is reached
    /// first, from a small warehouse that was built
    #[command(after_help = growth::GROWTH_EXAMPLES)]
    Growth(GrowthArgs),
    /// Say what a day, a month and a year cost on Google Cloud, now and in years
    #[command(after_help = growth::COST_EXAMPLES)]
    Cost(CostArgs),
    /// Check queries and contracts without running anything: what engines read in other ways, what
    /// is not there, what reads too far, what is not the same each time
    #[command(
        after_help = "Examples:\n  lakebed check\n  lakebed check layers/mart my_query.sql\n  lakebed check --explain LB081\n  lakebed check --sarif > check.sarif"
    )]
    Check(CheckArgs),
    /// Try whether tables stay right under duplicates, late data, any order, replays and crashes
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// Ask the warehouse
    #[command(
        after_help = "Examples:\n  lakebed query \"select * from mart.daily_active_users order by activity_date\"\n  lakebed query --format parquet --output users.parquet \"select * from dimensional.dim_user\""
    )]
    Query(QueryArgs),
    /// Show the tables, or one: contract, columns, what it reads and feeds, partitions built
    #[command(after_help = "Examples:\n  lakebed show\n  lakebed show vault.hub_user")]
    Show(ShowArgs),
    /// Say where rows of a table come from: down to the messages, which are shown to give the same
    #[command(after_help = explain::EXAMPLES)]
    Explain(ExplainArgs),
    /// Count the messages that were rejected, by reason, and show some, with what is wrong in them
    #[command(
        after_help = "Examples:\n  lakebed rejected\n  lakebed rejected mobile_events --reason wrong_type --samples 5\n  lakebed rejected --from 2026-01-06 --json"
    )]
    Rejected(RejectedArgs),
    /// Report fields that messages have and the contracts of their sources do not
    #[command(after_help = own_data::DRIFT_EXAMPLES)]
    Drift(DriftArgs),
    /// Begin a project of your own: a source, its tables and a mart, from a file of events
    #[command(after_help = own_data::INIT_EXAMPLES)]
    Init(InitArgs),
    /// Write the messages of a scenario to stdout, or send them to a gateway
    #[command(after_help = own_data::SIM_EXAMPLES)]
    Sim(SimArgs),
    /// Print the completions of a shell
    #[command(after_help = own_data::COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

/// `lakebed run`
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The scenario: a name of `scenarios/`
    #[arg(default_value = "baseline")]
    pub scenario: String,
    /// How the phones' messages come in
    #[arg(long, value_enum, default_value = "gateway")]
    pub ingest: IngestMode,
    /// Where the gateway listens; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The build's options.
    #[command(flatten)]
    pub effort: Effort,
}

/// `lakebed plan`
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Only these tables and what they read
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Also say what BigQuery would bill: this reads each table once, to measure it
    #[arg(long)]
    pub bytes: bool,
    /// Plan even though raw objects are gone that earlier builds read
    #[arg(long)]
    pub accept_removed: bool,
}

/// `lakebed build`
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// Only these tables and what they read
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Only partitions from this date on
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Only partitions up to this date
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Drop tables that earlier builds made and that no file of the project defines any more
    #[arg(long)]
    pub prune: bool,
    /// Also say what BigQuery would have billed: this reads each table once, to measure it
    #[arg(long)]
    pub bytes: bool,
    /// Build the named tables also where they are not stale; all, if none is named
    #[arg(long)]
    pub full: bool,
    /// Write what the build sends to the warehouse into this new folder: `setup.sql` and `build.sql`,
    /// which DuckDB's own programs run over an empty database, or over a copy of the warehouse as it was
    #[arg(long, value_name = "DIR", conflicts_with = "prune")]
    pub emit_script: Option<PathBuf>,
    /// The build's options.
    #[command(flatten)]
    pub effort: Effort,
}

/// How a build works.
#[derive(Args, Clone, Debug)]
pub struct Effort {
    /// Tables to build at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// What runs the queries of tables that are marked for Spark, by default those of the
    /// standardized layer; DuckDB runs all others
    #[arg(long, value_enum, value_name = "ENGINE", default_value = "duckdb")]
    pub engine: EngineChoice,
    /// Longest window of one statement, in days
    #[arg(long, value_name = "DAYS", default_value_t = 31)]
    pub window_days: usize,
    /// Build even though raw objects are gone that earlier builds read: what was merged from them
    /// begins anew
    #[arg(long)]
    pub accept_removed: bool,
    /// Do not ask before rebuilding more than 400 partitions that were built before
    #[arg(long)]
    pub yes: bool,
}

/// What runs queries that may run elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// DuckDB, embedded
    Duckdb,
    /// Spark on this machine: `pip install pyspark`, or what `SPARK_HOME` names
    Spark,
}

/// `lakebed check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Files and folders to check instead of the project's tables: files of the project, and other
    /// queries, with or without a contract
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Explain a rule, by its code or its name, or `all`
    #[arg(long, value_name = "CODE", conflicts_with = "paths")]
    pub explain: Option<String>,
    /// Print SARIF 2.1.0, for tools that review code
    #[arg(long, conflicts_with = "json")]
    pub sarif: bool,
    /// Hold to the narrower size of the subset, which Spark shares
    #[arg(long)]
    pub spark: bool,
}

/// `lakebed query`
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// The query
    pub sql: String,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Write into this file instead of printing
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How to print rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Json,
    /// A Parquet file; needs `--output`
    Parquet,
}

/// `lakebed rejected`
#[derive(Args, Debug)]
pub struct RejectedArgs {
    /// Only of these sources
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Only rejected for this reason, such as `wrong_type`
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only from this load date on
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Only up to this load date
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Messages to show of each reason
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub samples: usize,
}

/// `lakebed show`
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The table, such as `vault.hub_user`
    pub table: Option<String>,
}
