//! A day of a forecast in dollars.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Prices;
use crate::growth::{Forecast, TableForecast, TableYear, Year};

const GIB: f64 = 1_073_741_824.0;
const TIB: f64 = GIB * 1024.0;
/// Days of a month, on average.
const DAYS_OF_MONTH: f64 = 365.25 / 12.0;
/// Logical bytes that a DCU works through in an hour: an assumption, since nothing was run there.
const BYTES_PER_DCU_HOUR: f64 = 20.0 * GIB;
/// The least that a batch is billed, in DCU-hours: 12 DCU for a minute.
const DCU_HOURS_MIN: f64 = 12.0 / 60.0;
/// What Pub/Sub bills of a message besides its payload: its id, time and attributes.
const MESSAGE_OVERHEAD_BYTES: f64 = 150.0;
/// Parquet's bytes for each logical byte of raw messages: JSON under ZSTD, as an assumption.
const PARQUET_SHARE: f64 = 0.25;
/// Bytes of a raw object, as the archiver cuts them.
const OBJECT_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// Days that messages stay in STANDARD before they may move: late ones are read again.
const STANDARD_DAYS: f64 = 60.0;
/// Steps of the workflow for each table and day: start, wait, look.
const STEPS_PER_TABLE: f64 = 10.0;

/// A class of Cloud Storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RawClass {
    /// For what is read often.
    #[default]
    Standard,
    /// 30 days at least.
    Nearline,
    /// 90 days at least.
    Coldline,
    /// 365 days at least.
    Archive,
}

impl RawClass {
    /// All, the warmest first.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Nearline, Self::Coldline, Self::Archive];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Nearline => "nearline",
            Self::Coldline => "coldline",
            Self::Archive => "archive",
        }
    }
}

/// How the pipeline is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether BigQuery runs the queries that are marked for Spark.
    pub without_dataproc: bool,
    /// Whether tables are not clustered: deletes of whole partitions are free then for sure.
    pub without_clustering: bool,
    /// Where raw messages go after 60 days.
    pub raw_class: RawClass,
}

/// What something costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Of which product, such as `BigQuery queries`.
    pub product: &'static str,
    /// Of which layer; `run` for what belongs to no table.
    pub layer: String,
    /// For what: a table, a source, or what is run.
    pub of: String,
    /// US dollars a day, at the prices of the day.
    pub usd_per_day: f64,
}

/// A year's day in dollars.
#[derive(Clone, Debug, Serialize)]
pub struct Bill {
    /// From 0.
    pub year: u32,
    /// The lines, the dearest first.
    pub lines: Vec<Line>,
    /// US dollars a day, free amounts taken off.
    pub usd_per_day: f64,
    /// The same, if clustering spoils all deletes that would be free.
    pub usd_per_day_max: f64,
}

impl Bill {
    /// US dollars of 365.25 days like this one.
    pub fn usd_per_year(&self) -> f64 {
        self.usd_per_day * 365.25
    }

    /// US dollars of a month of days like this one.
    pub fn usd_per_month(&self) -> f64 {
        self.usd_per_day * DAYS_OF_MONTH
    }

    /// Sums by what a line says of itself, the dearest first.
    pub fn by(&self, of: impl Fn(&Line) -> &str) -> Vec<(String, f64)> {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(of(line)).or_default() += line.usd_per_day;
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(of, usd)| (of.to_owned(), usd)).collect();
        sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        sums
    }
}

/// What each year's day costs.
pub fn bill(forecast: &Forecast, prices: &Prices, options: Options) -> Vec<Bill> {
    (0..)
        .zip(&forecast.years)
        .map(|(at, year)| of_year(forecast, (at, year), prices, options))
        .collect()
}

fn of_year(
    forecast: &Forecast,
    (at, year): (usize, &Year),
    prices: &Prices,
    options: Options,
) -> Bill {
    let mut lines = Vec::new();
    let mut spoiled = 0.0;
    for table in &forecast.tables {
        let Some(of_year) = table.years.get(at) else { continue };
        of_table(table, of_year, prices, options, &mut lines);
        if !options.without_clustering {
            let more = of_year.billed_bytes_max - of_year.billed_bytes;
            spoiled += prices.usd("query", number(more) / TIB);
        }
    }
    of_raw(year, prices, options, &mut lines);
    let mut run = |product, of: &str, usd_per_day| {
        let (layer, of) = ("run".to_owned(), of.to_owned());
        lines.push(Line { product, layer, of, usd_per_day });
    };
    let steps = number(forecast.tables.len() as u64) * STEPS_PER_TABLE / 1000.0;
    run("Workflows", "one run a day", prices.usd("workflows_step", steps));
    run("Scheduler", "one job", prices.usd("scheduler_job", 1.0) / DAYS_OF_MONTH);
    lines.retain(|line| line.usd_per_day > 0.0);
    lines.sort_by(|a, b| b.usd_per_day.total_cmp(&a.usd_per_day).then(a.of.cmp(&b.of)));
    let total: f64 = lines.iter().map(|line| line.usd_per_day).sum();
    let free = |name, product: &str| {
        let of_product = lines.iter().filter(|line| line.product == product);
        let spent: f64 = of_product.map(|line| line.usd_per_day).sum();
        spent.min(prices.free_usd(name) / DAYS_OF_MONTH)
    };
    let free = free("query", QUERIES)
        + free("storage_active", STORAGE)
        + free("pubsub_publish", "Pub/Sub")
        + free("workflows_step", "Workflows")
        + free("scheduler_job", "Scheduler");
    let usd_per_day = total - free;
    Bill { year: year.year, lines, usd_per_day, usd_per_day_max: usd_per_day + spoiled }
}

const QUERIES: &str = "BigQuery queries";
const STORAGE: &str = "BigQuery storage";
const DATAPROC: &str = "Dataproc";

fn of_table(
    table: &TableForecast,
    year: &TableYear,
    prices: &Prices,
    options: Options,
    lines: &mut Vec<Line>,
) {
    let name = &table.table;
    let mut add = |product, usd_per_day| {
        let (layer, of) = (name.layer().to_owned(), name.to_string());
        lines.push(Line { product, layer, of, usd_per_day });
    };
    let on_spark =
        table.may_run_on_spark && !options.without_dataproc && year.partitions_written > 0;
    let mut billed = year.billed_bytes;
    if on_spark {
        billed -= year.select_billed_bytes;
        // What Spark reads of the warehouse's own tables comes over the Storage Read API.
        let worked = number(year.select_bytes) + year.made_bytes;
        let dcu_hours = (worked / BYTES_PER_DCU_HOUR).max(DCU_HOURS_MIN);
        add(DATAPROC, prices.usd("dcu_hour", dcu_hours));
        let is_above_raw = !table.table.table().ends_with("_checked");
        let read = if is_above_raw { number(year.select_bytes) } else { 0.0 };
        add("BigQuery Storage Read", prices.usd("storage_read", read / TIB));
    }
    add(QUERIES, prices.usd("query", number(billed) / TIB));
    let active = (year.stored_bytes - year.long_term_bytes) / GIB;
    let stored = prices.usd("storage_active", active)
        + prices.usd("storage_long_term", year.long_term_bytes / GIB);
    add(STORAGE, stored / DAYS_OF_MONTH);
}

fn of_raw(year: &Year, prices: &Prices, options: Options, lines: &mut Vec<Line>) {
    for (source, raw) in &year.raw {
        let mut add = |product, usd_per_day| {
            let (layer, of) = ("raw".to_owned(), source.to_string());
            lines.push(Line { product, layer, of, usd_per_day });
        };
        let sent = (raw.bytes + raw.messages * MESSAGE_OVERHEAD_BYTES) / TIB;
        add("Pub/Sub", prices.usd("pubsub_publish", sent) + prices.usd("pubsub_pull", sent));
        let stored = raw.stored_bytes * PARQUET_SHARE / GIB;
        let of_day = raw.bytes * PARQUET_SHARE / GIB;
        let warm = (of_day * STANDARD_DAYS).min(stored);
        let (storage, retrieval) = match options.raw_class {
            RawClass::Standard => ("gcs_standard", ""),
            RawClass::Nearline => ("gcs_nearline", "gcs_retrieval_nearline"),
            RawClass::Coldline => ("gcs_coldline", "gcs_retrieval_coldline"),
            RawClass::Archive => ("gcs_archive", "gcs_retrieval_archive"),
        };
        let kept = prices.usd("gcs_standard", warm) + prices.usd(storage, stored - warm);
        let objects = (raw.bytes * PARQUET_SHARE / OBJECT_BYTES).max(24.0);
        add("Cloud Storage", kept / DAYS_OF_MONTH + prices.usd("gcs_class_a", objects / 1000.0));
        // Everything is rebuilt once a year, which reads all of raw.
        add("Cloud Storage retrieval", prices.usd(retrieval, stored - warm) / 365.25);
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a day are below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
