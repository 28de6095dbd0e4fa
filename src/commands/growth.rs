//! `lakebed growth`: what tables will be in years, what a day of them reads, and which breaks first.

mod chart;
mod page;
mod text;

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

use jiff::{ToSpan, civil::Date};
use sim::{Arrival, Scenario, Simulation, Source};

use super::{
    Failure,
    open::{self, OpenProject},
    output,
};
use crate::{
    cli::{Curve, GrowthArgs, Place},
    contract::TableName,
    cost::{Options, PRICES, Prices, bill},
    data_folder::DataFolder,
    growth::{Asked, Built, Forecast, Volumes, forecast},
    ledger::Profile,
    parts::{Parts, Worker, part_count},
    pipeline::PinOptions,
    sizes,
};

/// Days after its beginning from which a simulation is looked at: the first ones lack what comes late.
const SETTLED_DAYS: i64 = 60;
/// Days of a year that are simulated: all days of the week.
const WEEK_DAYS: i64 = 7;

pub fn growth(place: &Place, args: &GrowthArgs) -> Result<(), Failure> {
    let subject = Subject::open(place, &args.curve)?;
    let forecast = subject.forecast(Built::AsItIs)?;
    if let Some(path) = &args.html {
        let prices = Prices::parse(PRICES).map_err(Failure::data)?;
        let bills = bill(&forecast, &prices, Options::default());
        write(path, &page::page(&forecast, &bills, &prices, &args.curve.scenario))?;
    }
    if let Some(path) = &args.figures {
        write(path, &figures(&forecast))?;
    }
    if place.json {
        let json = serde_json::to_string(&forecast).map_err(Failure::data)?;
        output::print(&format!("{json}\n"))?;
    } else {
        output::print(text::render(&forecast).as_str())?;
    }
    let over: Vec<_> = forecast.tables.iter().filter(|t| t.over_budget_in.is_some()).collect();
    let Some(first) = over.iter().min_by_key(|table| table.over_budget_in) else { return Ok(()) };
    let year = first.over_budget_in.unwrap_or_default();
    let because = first.blame.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Err(Failure::data(format!(
        "{} scans more in year {year} than its contract allows{because}",
        first.table
    ))
    .hint("raise `max_scan`, or read less: `lakebed show` has the contract"))
}

/// A file that somebody asked for.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::data(error).hint(format!("cannot write {}", path.display())))
}

/// What a forecast is made of.
pub struct Subject {
    open: OpenProject,
    graph: Arc<crate::graph::Graph>,
    profile: Profile,
    volumes: Volumes,
    asked: Asked,
}

impl Subject {
    /// Measures the warehouse of the data folder, and simulates a week of each year.
    pub fn open(place: &Place, curve: &Curve) -> Result<Self, Failure> {
        let open = open::project(place)?;
        let (mut scenario, _) = open::scenario(&open, &curve.scenario)?;
        if let Some(users) = curve.users.iter().find(|users| !(**users >= 1.0 && **users < 1e12)) {
            return Err(Failure::usage(format!("{users} is no number of users"))
                .hint("write numbers such as 250e6, for year 0, year 1 and so on"));
        }
        scenario.population.one_in = curve.one_in.unwrap_or(scenario.population.one_in);
        let data = DataFolder::new(&place.data);
        let pipeline = open::pipeline_to_read(&open, &data, PinOptions::default())?;
        let profile = sizes::measure(&pipeline)?;
        if profile.sizes.iter().all(|(name, _)| name.layer() == "raw") {
            return Err(open::no_data(&data));
        }
        let start = scenario.start_date.saturating_add(SETTLED_DAYS.days());
        let asked = Asked { start, years: curve.years, history_days: curve.history_days };
        let volumes = volumes(&scenario, asked, &curve.users);
        Ok(Self { graph: Arc::clone(&pipeline.graph), open, profile, volumes, asked })
    }

    /// The forecast of a pipeline that is built in a way.
    pub fn forecast(&self, built: Built) -> Result<Forecast, Failure> {
        let (project, graph) = (&self.open.project, &self.graph);
        forecast(project, graph, &self.profile, &self.volumes, self.asked, built)
            .map_err(|error| Failure::data(error.message))
    }
}

/// Messages a day of each year, at the scale of all users.
fn volumes(scenario: &Scenario, asked: Asked, users: &[f64]) -> Volumes {
    let population = scenario.population;
    let one_in = number(population.one_in);
    let mut volumes = Volumes::default();
    volumes.set_fixed(TableName::new("raw", Source::DbProducts.name()));
    let simulation = Arc::new(Simulation::new(scenario.clone()));
    for year in 0..=asked.years {
        let date = asked.start.saturating_add(i64::from(year).years());
        let simulated = number(population.users)
            * (1.0 + population.growth_per_year).powf(years_between(scenario.start_date, date));
        // Of a curve that ends before the last year, the last year's users stay.
        let wanted = users.get(year as usize).or(users.last()).copied().unwrap_or(simulated);
        let counts = week(&simulation, date);
        // How many products there are is the same at all scales.
        let scale = |source: Source| match source {
            Source::DbProducts => 1.0,
            _ => one_in * wanted / simulated,
        };
        let messages = Source::ALL.into_iter().zip(counts).map(|(source, count)| {
            let per_day = number(count) / number_of_days() * scale(source);
            (TableName::new("raw", source.name()), per_day)
        });
        volumes.set(date, wanted, messages.collect());
    }
    volumes
}

fn years_between(from: Date, to: Date) -> f64 {
    f64::from(to.since(from).map_or(0, |span| span.get_days())) / 365.25
}

fn number_of_days() -> f64 {
    f64::from(i32::try_from(WEEK_DAYS).unwrap_or(7))
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Counts messages by source.
struct Counting;

impl Worker for Counting {
    type Made = [u64; Source::ALL.len()];

    fn take(&mut self, arrival: Arrival, made: &mut Self::Made) -> Option<Arrival> {
        let at = Source::ALL.iter().position(|source| *source == arrival.source);
        if let Some(count) = at.and_then(|at| made.get_mut(at)) {
            *count += arrival.messages.len() as u64;
        }
        Some(arrival)
    }
}

/// Messages of a week, by source in the order of `Source::ALL`.
fn week(simulation: &Arc<Simulation>, from: Date) -> [u64; Source::ALL.len()] {
    let dates: Vec<Date> = (0..WEEK_DAYS).map(|days| from.saturating_add(days.days())).collect();
    let workers = (0..part_count()).map(|_| Counting).collect();
    let mut all = [0; Source::ALL.len()];
    for made in Parts::start(simulation, &dates, workers).all() {
        for (sum, count) in all.iter_mut().zip(made) {
            *sum += count;
        }
    }
    all
}

/// The figures that a review compares: three digits are enough to see a change.
fn figures(forecast: &Forecast) -> String {
    let mut csv = "table,power_volume,power_history".to_owned();
    for year in &forecast.years {
        let _ = write!(csv, ",billed_gib_year_{}", year.year);
    }
    csv.push('\n');
    for table in &forecast.tables {
        let _ =
            write!(csv, "{},{:.2},{:.2}", table.table, table.powers.volume, table.powers.history);
        for year in &table.years {
            let _ =
                write!(csv, ",{}", three_digits(number(year.billed_bytes) / f64::from(1 << 30)));
        }
        csv.push('\n');
    }
    csv
}

fn three_digits(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a byte count is small")]
    let digits = value.log10().floor() as i32;
    let unit = 10_f64.powi(digits - 2);
    let rounded = (value / unit).round() * unit;
    format!("{rounded:.*}", usize::try_from(2 - digits).unwrap_or(0))
}

/// What is merged by name, the greatest first.
pub fn by_layer(
    forecast: &Forecast,
    year: usize,
    of: impl Fn(&crate::growth::TableYear) -> f64,
) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for table in &forecast.tables {
        if let Some(year) = table.years.get(year) {
            *sums.entry(table.table.layer().to_owned()).or_default() += of(year);
        }
    }
    sums.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 0.012_34, 1.234, 123.4, 98_765.0].map(three_digits);
        assert_eq!(shown, ["0", "0.0123", "1.23", "123", "98800"]);
    }
}
