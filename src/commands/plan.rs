//! `lakebed plan`: which partitions are stale, why, and what a build would read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    Failure, charges, open,
    output::{self, Page},
    summary,
};
use crate::{
    cli::{Place, PlanArgs},
    contract::TableName,
    data_folder::DataFolder,
    pipeline::PinOptions,
    plan::{Reason, Selection, TablePlan, ahead::ahead, snapshot::Partition, window::windows},
};

/// The longest window of one statement, as a build has it if nothing is said.
const WINDOW_DAYS_MAX: usize = 31;

pub fn plan(place: &Place, args: &PlanArgs) -> Result<(), Failure> {
    let data = DataFolder::new(&place.data);
    let options = PinOptions { accepts_removed_objects: args.accept_removed };
    let (open, pipeline) = open::project_to_plan(place, &data, options)?;
    let tables = open::tables(&pipeline.graph, &args.tables)?;
    let selection = Selection { tables, ..Selection::default() };
    let plan = pipeline.plan(&selection);
    let charges = if args.bytes {
        Some(charges::of_plan(&open, &pipeline, &selection, WINDOW_DAYS_MAX)?)
    } else {
        None
    };
    if place.json {
        let json = match &charges {
            None => serde_json::to_string(&plan),
            Some(charges) => {
                let by_table =
                    |(name, charge): (&TableName, _)| (name.to_string(), charges::json(charge));
                let charges: serde_json::Map<_, _> = charges.iter().map(by_table).collect();
                serde_json::to_string(&json!({ "tables": plan, "charges": charges }))
            }
        };
        let json = json.map_err(Failure::data)?;
        return output::print(&format!("{json}\n"));
    }
    let busy: Vec<&TablePlan> = plan.tables.iter().filter(|table| !table.is_nothing()).collect();
    let mut text = Page::default();
    summary::render_orphans(&mut text, pipeline.orphans(), false);
    summary::render_ahead(&mut text, ahead(pipeline.planner(), &selection.tables).as_ref());
    if busy.is_empty() {
        let count = plan.tables.len();
        text.line(format_args!("Nothing to build: all {count} tables are fresh."));
        return output::print(text.as_str());
    }
    for table in busy {
        render(&mut text, table);
        if let Some(charge) = charges.as_ref().and_then(|charges| charges.get(&table.table)) {
            charges::render(&mut text, charge);
        }
    }
    if let Some(charges) = &charges {
        charges::render_total(&mut text, charges);
    }
    output::print(text.as_str())
}

fn render(text: &mut Page, plan: &TablePlan) {
    text.line(format_args!("{}", plan.table));
    let mut by_reason: BTreeMap<&Reason, BTreeSet<Partition>> = BTreeMap::new();
    for stale in &plan.stale {
        by_reason.entry(&stale.reason).or_default().insert(stale.partition);
    }
    for (reason, partitions) in by_reason {
        text.line(format_args!("  build {}: {reason}", describe(&partitions)));
    }
    if plan.rows_read > 0 {
        text.line(format_args!(
            "  reads about {} rows",
            indicatif::HumanCount(u64::try_from(plan.rows_read).unwrap_or(0))
        ));
    }
    let because: Vec<&str> = plan.because_of.iter().map(TableName::as_str).collect();
    if !plan.may_follow.is_empty() {
        text.line(format_args!(
            "  may follow {}: if {} changes",
            describe(&plan.may_follow),
            because.join(" or ")
        ));
    } else if plan.may_follow_more {
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
