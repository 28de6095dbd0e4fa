//! Arguments of `growth` and `cost`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Examples of `growth`.
pub const GROWTH_EXAMPLES: &str = "Examples:\n  lakebed run growth-50 --ingest direct --data growth-data\n  lakebed growth --data growth-data\n  lakebed growth --data growth-data --html growth.html\n  lakebed growth --data growth-data --users 250e6,300e6,600e6";

/// Examples of `cost`.
pub const COST_EXAMPLES: &str = "Examples:\n  lakebed cost --data growth-data\n  lakebed cost --data growth-data --without partition\n  lakebed cost --data growth-data --raw-class archive\n  lakebed cost --data growth-data --budget 50000";

/// `lakebed growth`
#[derive(Args, Debug)]
pub struct GrowthArgs {
    /// What grows
    #[command(flatten)]
    pub curve: Curve,
    /// Write a page with charts into this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the figures into this file as CSV, a line for each table, for comparing them later
    #[arg(long, value_name = "FILE")]
    pub figures: Option<PathBuf>,
}

/// The curve of a forecast.
#[derive(Args, Clone, Debug)]
pub struct Curve {
    /// The scenario that grows: a name of `scenarios/`
    #[arg(default_value = "growth-50")]
    pub scenario: String,
    /// The last year
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub years: u32,
    /// Users at the beginning of each year, in place of the scenario's curve: `250e6,300e6,600e6`
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub users: Vec<f64>,
    /// Days of history that there are in year 0
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(0..=3650))]
    pub history_days: i64,
    /// Simulate one of so many users; without it as many as the scenario does
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub one_in: Option<u64>,
}

/// What a pipeline could be built without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// Tables have no partitions
    Partition,
    /// Tables are not clustered
    Cluster,
    /// All tables are built whole each day
    Incremental,
    /// BigQuery runs the standardized layer too
    Dataproc,
}

/// A class of Cloud Storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StorageClass {
    /// For what is read often
    Standard,
    /// 30 days at least
    Nearline,
    /// 90 days at least
    Coldline,
    /// 365 days at least
    Archive,
}

/// `lakebed cost`
#[derive(Args, Debug)]
pub struct CostArgs {
    /// What grows
    #[command(flatten)]
    pub curve: Curve,
    /// Compare with a pipeline that is built without this
    #[arg(long, value_enum, value_name = "WHAT")]
    pub without: Option<Without>,
    /// Compare the classes in which raw messages may lie after 60 days, if everything is rebuilt once a
    /// year; the bill is made with this one
    #[arg(long, value_enum, value_name = "CLASS")]
    pub raw_class: Option<StorageClass>,
    /// Fail if a year costs more than so many US dollars
    #[arg(long, value_name = "USD")]
    pub budget: Option<f64>,
    /// Take the prices of this TOML file
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}
