//! `lakebed plan`: which partitions are stale, why, and what a build would read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    Failure, open,
    output::{self, Page},
    summary,
};
use crate::{
    cli::{Place, PlanArgs},
    data_folder::DataFolder,
    pipeline::PinOptions,
    plan::{
        forecast::{Forecast, forecast},
        snapshot::Partition,
        window::windows,
    },
};

pub fn plan(place: &Place, args: &PlanArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    let options = PinOptions { accepts_removed_objects: args.accept_removed };
    let pipeline = open::pipeline_to_read(&open, &data, options)?;
    let tables = open::tables(&pipeline.graph, &args.tables)?;
    let forecasts = forecast(&pipeline.planner(), &tables);
    if place.json {
        let json = forecasts.iter().map(to_json).collect::<serde_json::Value>();
        return output::print(&format!("{json}\n"));
    }
    let busy = |forecast: &&Forecast| {
        !forecast.stale.is_empty() || !forecast.may_follow.is_empty() || forecast.may_follow_more
    };
    let busy: Vec<&Forecast> = forecasts.iter().filter(busy).collect();
    let mut text = Page::default();
    summary::render_orphans(&mut text, &pipeline.orphans(), false);
    if busy.is_empty() {
        let count = forecasts.len();
        text.line(format_args!("Nothing to build: all {count} tables are fresh."));
        return output::print(text.as_str());
    }
    for forecast in busy {
        render(&mut text, forecast);
    }
    output::print(text.as_str())
}

fn render(text: &mut Page, forecast: &Forecast) {
    text.line(format_args!("{}", forecast.table));
    let mut by_reason: BTreeMap<&str, BTreeSet<Partition>> = BTreeMap::new();
    for stale in &forecast.stale {
        by_reason.entry(&stale.reason).or_default().insert(stale.partition);
    }
    for (reason, partitions) in by_reason {
        text.line(format_args!("  build {}: {reason}", describe(&partitions)));
    }
    if forecast.rows_read > 0 {
        text.line(format_args!(
            "  reads about {} rows",
            indicatif::HumanCount(u64::try_from(forecast.rows_read).unwrap_or(0))
        ));
    }
    let because: Vec<&str> =
        forecast.because_of.iter().map(crate::contract::TableName::as_str).collect();
    if !forecast.may_follow.is_empty() {
        text.line(format_args!(
            "  may follow {}: if {} changes",
            describe(&forecast.may_follow),
            because.join(" or ")
        ));
    } else if forecast.may_follow_more {
        text.line(format_args!("  may follow: if {} changes", because.join(" or ")));
    }
}

fn describe(partitions: &BTreeSet<Partition>) -> String {
    let windows = windows(partitions, usize::MAX);
    let shown: Vec<String> = windows.iter().take(4).map(ToString::to_string).collect();
    let more =
        if windows.len() > 4 { format!(", and {} more", windows.len() - 4) } else { String::new() };
    match partitions.len() {
        1 if partitions.contains(&None) => "the whole table".to_owned(),
        1 => format!("1 partition ({})", shown.join(", ")),
        count => format!("{count} partitions ({}{more})", shown.join(", ")),
    }
}

fn to_json(forecast: &Forecast) -> serde_json::Value {
    let date = |partition: &Partition| partition.map(|date| date.to_string());
    let stale: Vec<_> = forecast
        .stale
        .iter()
        .map(|stale| json!({ "partition": date(&stale.partition), "reason": stale.reason }))
        .collect();
    json!({
        "table": forecast.table,
        "stale": stale,
        "may_follow": forecast.may_follow.iter().map(date).collect::<Vec<_>>(),
        "may_follow_more": forecast.may_follow_more,
        "because_of": forecast.because_of,
        "rows_read": forecast.rows_read,
    })
}
