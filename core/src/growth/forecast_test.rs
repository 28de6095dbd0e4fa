//! Forecasts of small projects whose figures can be seen.

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::date;

use super::{Asked, Built, Forecast, TableForecast, Volumes, forecast};
use crate::{
    contract::TableName,
    graph::Graph,
    ledger::{Profile, TableSize},
    prelude::Prelude,
    project::{Project, ProjectFiles},
};

const SOURCE: &str = "about = \"x\"\nowner = \"me\"\n[parameters]\nmax_lateness_days = 2\nmax_skew_days = 0\n\
[fields]\nid = { type = \"STRING\", required = true, about = \"x\" }\n";

/// Messages, their keys, and a mart that reads days in a way that the test chooses.
fn project(mart_condition: &str, mart_fields: &str) -> Project {
    let table = |fields: &str, query: &str| {
        format!("/*\nabout = \"x\"\ngrain = [\"id\"]\nowner = \"me\"\n{fields}\n*/\n{query}\n")
    };
    let days = "[columns]\nload_date = { type = \"DATE\" }\nid = { type = \"STRING\" }";
    let mut files = ProjectFiles::default();
    files.insert("layers/raw/taps.toml", SOURCE);
    files.insert(
        "layers/standardized/taps.sql",
        &table(
            &format!("build = \"partition\"\npartition_by = \"load_date\"\ngrowth = \"events\"\n{days}"),
            "select load_date, message_id as id from raw.taps where load_date between @from_date and @to_date",
        ),
    );
    files.insert(
        "layers/vault/hub_tap.sql",
        &table(
            &format!("build = \"merge\"\norder_by = [\"load_date\"]\nleast = [\"load_date\"]\ngrowth = \"entities\"\n{days}"),
            "select load_date, id from standardized.taps where load_date between @from_date and @to_date",
        ),
    );
    files.insert(
        "layers/vault/taps_by_day.sql",
        &table(
            &format!("build = \"partition\"\npartition_by = \"load_date\"\ngrowth = \"fixed\"\n{mart_fields}\n\
                      [reads.\"standardized.taps\"]\ndays_before = \"0\"\n{days}"),
            &format!("select load_date, id from standardized.taps where {mart_condition}"),
        ),
    );
    Project::parse(&files).expect("a project")
}

/// Two days of a million messages each, of which each is a row and every second brings a new key.
fn profile() -> Profile {
    let mut profile = Profile::default();
    let days = [date(2026, 1, 1), date(2026, 1, 2)];
    profile.load_dates = Some((days[0], days[1]));
    let by_day = |count: f64| days.iter().map(|day| (Some(*day), count)).collect();
    let columns = |all: [(&str, f64); 2]| {
        all.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
    };
    let own = columns([("load_date", 8.0), ("id", 12.0)]);
    let mut set = |layer: &str, table: &str, size: TableSize| {
        profile.sizes.set(TableName::new(layer, table), size);
    };
    let raw = columns([("load_date", 8.0), ("message_id", 12.0)]);
    set("raw", "taps", TableSize { rows: by_day(1e6), columns: raw });
    set("standardized", "taps", TableSize { rows: by_day(1e6), columns: own.clone() });
    let rows = BTreeMap::from([(None, 1e6)]);
    set("vault", "hub_tap", TableSize { rows, columns: own.clone() });
    set("vault", "taps_by_day", TableSize { rows: by_day(10.0), columns: own });
    let hub = TableName::new("vault", "hub_tap");
    profile.arrivals.insert(hub.clone(), days.iter().map(|day| (*day, 5e5)).collect());
    profile.made.insert(hub, 1e6);
    profile
}

fn of(project: &Project, growth: f64, built: Built) -> Forecast {
    let graph = Arc::new(Graph::new(project, &Prelude::default()).expect("a graph"));
    let mut volumes = Volumes::default();
    for year in 0..=2_i16 {
        let count = 1e6 * growth.powi(year.into());
        let messages = BTreeMap::from([(TableName::new("raw", "taps"), count)]);
        volumes.set(date(2026 + year, 3, 1), count, messages);
    }
    let asked = Asked { start: date(2026, 3, 1), years: 2, history_days: 10 };
    forecast(project, &graph, &profile(), &volumes, asked, built).expect("a forecast")
}

fn table<'a>(forecast: &'a Forecast, name: &str) -> &'a TableForecast {
    forecast.tables.iter().find(|table| table.table.table() == name).expect("it is there")
}

const THE_DAY: &str = "load_date between @from_date and @to_date";

#[test]
fn rows_follow_from_messages_and_a_day_reads_what_is_due() {
    let forecast = of(&project(THE_DAY, ""), 2.0, Built::AsItIs);
    let taps = table(&forecast, "taps");
    let rows: Vec<f64> = taps.years.iter().map(|year| year.row_count.round()).collect();
    assert!((rows[0] - 11e6).abs() < 1.0, "ten days of history and the day: {rows:?}");
    // A day of twice the messages reads twice as much, once for the query, once for the checks, once to
    // store: 20 bytes a row each.
    let read: Vec<u64> = taps.years.iter().map(|year| year.processed_bytes).collect();
    assert_eq!(read, [60_000_000, 120_000_000, 240_000_000]);
    assert_eq!(taps.years[2].partitions_written, 1);
    assert_eq!(format!("{:.2} {:.2}", taps.powers.volume, taps.powers.history), "1.00 0.00");
    assert!(taps.blame.is_none());
}

#[test]
fn a_merge_grows_with_history_and_says_why() {
    let forecast = of(&project(THE_DAY, ""), 1.0, Built::AsItIs);
    let hub = table(&forecast, "hub_tap");
    assert!((hub.years[0].row_count - (11.0 * 5e5)).abs() < 1.0, "{}", hub.years[0].row_count);
    assert!(hub.grows_with_history() && hub.powers.history > 0.9, "{:?}", hub.powers);
    let blame = hub.blame.as_deref().unwrap_or_default();
    assert!(blame.contains("rows of vault.hub_tap are changed wherever they are"), "{blame}");
}

#[test]
fn a_condition_that_prunes_nothing_is_named_with_its_place() {
    for (condition, said) in [
        ("load_date <= @to_date", "`load_date <= @to_date` leaves out nothing at the beginning"),
        ("load_date + 0 between @from_date and @to_date", "leaves out no partition"),
        ("id = 'x' or load_date = @from_date", "leaves out no partition"),
    ] {
        let forecast = of(&project(condition, "max_scan = \"100 MB\""), 1.0, Built::AsItIs);
        let mart = table(&forecast, "taps_by_day");
        assert!(mart.powers.history > 0.5, "{condition}: {:?}", mart.powers);
        let blame = mart.blame.as_deref().unwrap_or_default();
        assert!(blame.contains(said), "{condition}: {blame}");
        let place = mart.place.as_deref().unwrap_or_default();
        assert!(place.starts_with("layers/vault/taps_by_day.sql:"), "{place}");
        assert!(mart.over_budget_in.is_some(), "{condition}: {:?}", mart.years);
    }
    let bounded = of(&project(THE_DAY, "max_scan = \"100 MB\""), 1.0, Built::AsItIs);
    assert_eq!(table(&bounded, "taps_by_day").over_budget_in, None);
}

#[test]
fn without_partitions_or_increments_a_day_reads_history() {
    let project = project(THE_DAY, "");
    let bytes = |built| {
        let forecast = of(&project, 1.0, built);
        table(&forecast, "taps_by_day").years.iter().map(|y| y.processed_bytes).collect::<Vec<_>>()
    };
    let (as_it_is, whole) = (bytes(Built::AsItIs), bytes(Built::WithoutIncrements));
    let unpartitioned = bytes(Built::WithoutPartitions);
    for year in 0..=2 {
        let days = [11, 376, 741][year];
        assert!(whole[year] > as_it_is[year] * days * 9 / 10, "{whole:?} {as_it_is:?}");
        assert!(unpartitioned[year] > as_it_is[year] * days * 9 / 10, "{unpartitioned:?}");
    }
}

#[test]
fn ten_times_the_messages_are_ten_times_the_bytes() {
    let project = project(THE_DAY, "");
    let one = of(&project, 1.0, Built::AsItIs);
    let graph = Arc::new(Graph::new(&project, &Prelude::default()).expect("a graph"));
    let mut volumes = Volumes::default();
    let messages = BTreeMap::from([(TableName::new("raw", "taps"), 1e7)]);
    volumes.set(date(2026, 3, 1), 1e7, messages);
    let asked = Asked { start: date(2026, 3, 1), years: 0, history_days: 10 };
    let ten = forecast(&project, &graph, &profile(), &volumes, asked, Built::AsItIs).expect("one");
    for name in ["taps", "hub_tap"] {
        let of = |forecast: &Forecast| table(forecast, name).years[0].processed_bytes;
        let (ten, one) = (of(&ten), of(&one) * 10);
        assert!(ten.abs_diff(one) * 50 < one, "{name}: {ten} and {one}");
    }
}

#[test]
fn what_does_not_grow_with_users_stays() {
    let project = project(THE_DAY, "");
    let graph = Graph::new(&project, &Prelude::default()).expect("a graph");
    let source = TableName::new("raw", "taps");
    let mut volumes = Volumes::default();
    volumes.set(date(2026, 3, 1), 1e6, BTreeMap::from([(source.clone(), 1e6)]));
    volumes.set_fixed(source.clone());
    assert_eq!(volumes.times(2.0).messages(&source, date(2026, 3, 1)).to_string(), "1000000");
    let profile = profile();
    let world = super::World::new(&graph, &profile, &volumes, (date(2026, 3, 1), date(2026, 3, 2)));
    let hub = world.sizes().get(&TableName::new("vault", "hub_tap")).map(TableSize::row_count);
    assert_eq!(hub.map(f64::round), Some(1e6));
}
