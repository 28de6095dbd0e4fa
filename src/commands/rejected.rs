//! `lakebed rejected`: what was rejected and why, with payloads to look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use jiff::civil::Date;
use serde_json::json;

use super::{
    Failure,
    open::{self, OpenProject},
    output::{self, Page},
    summary::{counted, grouped},
};
use crate::{
    cli::{Place, RejectedArgs},
    data_folder::DataFolder,
    rejections::{self, Filter, Sample, SourceRejections},
};

/// Load dates that get a column of their own; earlier ones share one.
const DATES_SHOWN: usize = 7;
/// Values of an origin that get a line of their own.
const ORIGINS_SHOWN: usize = 5;
/// Characters of a payload; `--json` has all.
const PAYLOAD_SHOWN: usize = 600;

pub fn rejected(place: &Place, args: &RejectedArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    if !data.warehouse().exists() {
        return Err(open::no_data(&data));
    }
    let sources = &open.project.sources;
    if let Some(unknown) = args.sources.iter().find(|source| !sources.contains_key(*source)) {
        return Err(open::unknown_source(&open, unknown));
    }
    if let Some(reason) = &args.reason {
        check_reason(&open, reason)?;
    }
    let filter = Filter { reason: args.reason.clone(), from: args.from, to: args.to };
    let warehouse = open::warehouse(&data, &open.prelude, &place.machine, true)?;
    let mut session = warehouse.session()?;
    let mut found = Vec::new();
    for (name, source) in sources {
        if args.sources.is_empty() || args.sources.contains(name) {
            let source = (name.as_str(), source);
            let session = session.as_mut();
            let rejections =
                rejections::of_source(session, &open.graph, source, &filter, args.samples)?;
            found.extend(rejections.filter(|rejections| rejections.message_count() > 0));
        }
    }
    if place.json {
        return output::print(&format!("{}\n", json!(found)));
    }
    let mut text = Page::default();
    if found.is_empty() {
        text.line(format_args!("No message was rejected."));
    }
    for rejections in &found {
        render(&mut text, rejections);
    }
    if !found.is_empty() {
        text.line(format_args!(
            "Raw keeps every one of them. Mend the contract or the query that is to blame, and"
        ));
        text.line(format_args!("`{} build` judges them again.", open::command_line(place)));
    }
    output::print(text.as_str())
}

/// The reasons are those that the contracts of the checked messages accept.
fn check_reason(open: &OpenProject, reason: &str) -> Result<(), Failure> {
    let columns = open.graph.in_order().filter_map(|node| {
        let is_checked = node.name().layer() == "standardized";
        is_checked.then(|| node.file.contract.columns.get("reject_reason")).flatten()
    });
    let known: BTreeSet<&str> =
        columns.flat_map(|column| &column.accepted).map(String::as_str).collect();
    if known.is_empty() || known.contains(reason) {
        return Ok(());
    }
    let known: Vec<&str> = known.into_iter().collect();
    Err(Failure::usage(format!("there is no reason `{reason}`"))
        .hint(format!("the reasons are {}", known.join(", "))))
}

fn render(text: &mut Page, rejections: &SourceRejections) {
    text.line(format_args!(
        "{}: {} rejected",
        rejections.source,
        counted(rejections.message_count(), "message")
    ));
    render_reasons(text, &rejections.by_reason);
    for (column, counts) in &rejections.by_origin {
        let mut all: Vec<(&String, &u64)> = counts.iter().collect();
        all.sort_by_key(|(value, count)| (std::cmp::Reverse(**count), (*value).clone()));
        let mut line = format!("  by {column}:");
        for (value, count) in all.iter().take(ORIGINS_SHOWN) {
            let _ = write!(line, " {value} {},", grouped(**count));
        }
        let rest: u64 = all.iter().skip(ORIGINS_SHOWN).map(|(_, count)| **count).sum();
        if rest > 0 {
            let _ = write!(line, " others {}", grouped(rest));
        }
        text.line(format_args!("{}", line.trim_end_matches(',')));
    }
    for sample in &rejections.samples {
        render_sample(text, sample);
    }
    text.line(format_args!(""));
}

fn render_reasons(text: &mut Page, by_reason: &BTreeMap<String, BTreeMap<Date, u64>>) {
    let mut dates: Vec<Date> = by_reason.values().flat_map(BTreeMap::keys).copied().collect();
    dates.sort_unstable();
    dates.dedup();
    let shown = &dates[dates.len().saturating_sub(DATES_SHOWN)..];
    let mut header = format!("  {:<18}", "reason");
    if shown.len() < dates.len() {
        let _ = write!(header, " {:>10}", "before");
    }
    for date in shown {
        let _ = write!(header, " {:>10}", date.to_string());
    }
    text.line(format_args!("{header} {:>10}", "in all"));
    for (reason, counts) in by_reason {
        let mut line = format!("  {reason:<18}");
        if shown.len() < dates.len() {
            let before = counts.iter().filter(|(date, _)| !shown.contains(date));
            let _ = write!(line, " {:>10}", grouped(before.map(|(_, count)| count).sum()));
        }
        for date in shown {
            let _ = write!(line, " {:>10}", grouped(counts.get(date).copied().unwrap_or(0)));
        }
        text.line(format_args!("{line} {:>10}", grouped(counts.values().sum())));
    }
}

fn render_sample(text: &mut Page, sample: &Sample) {
    text.line(format_args!("  {} {} {}", sample.reason, sample.load_date, sample.message_id));
    for problem in &sample.problems {
        text.line(format_args!("    {problem}"));
    }
    if let Some(rule) = &sample.rule {
        text.line(format_args!("    by {rule}"));
    }
    let shown: String = sample.payload.chars().take(PAYLOAD_SHOWN).collect();
    let more = if shown.len() < sample.payload.len() { " …" } else { "" };
    text.line(format_args!("    {shown}{more}"));
}
