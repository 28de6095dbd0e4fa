//! `lakebed ingest`: brings files of messages into the raw layer.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use jiff::civil::Date;
use lakebed_local::PublishClock;
use serde_json::json;

use super::{
    Failure, adapters, drift,
    open::{self, OpenProject},
    output::{self, Page},
    progress::Progress,
    summary,
};
use crate::{
    cli::{IngestArgs, Place},
    clock::{self, MicrosUtc},
    data_folder::{DataFolder, FolderClock},
    event_files::{ArrivalRule, EventFile, FileConfig, FileReport, TooOld, ingest_file, too_old},
    payload::drift::SourceDrift,
};

/// When lines without a bound of their own may arrive: the machine's clock says nothing of a
/// simulation's days.
const END_OF_TIME: MicrosUtc = MicrosUtc(4_102_444_800_000_000);

pub fn ingest(place: &Place, args: &IngestArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    let files: Vec<(&Path, String)> = args
        .files
        .iter()
        .map(|path| Ok((path.as_path(), source_of(&open, path, args.source.as_deref())?)))
        .collect::<Result<_, Failure>>()?;
    // What cannot be read is told before a folder is made.
    for (path, _) in files.iter().filter(|(path, _)| !is_stdin(path)) {
        EventFile::at(path).lines()?;
    }
    data.create()?;
    let arrival = arrival(args, &data)?;
    let runtime = open::runtime()?;
    let store = runtime.block_on(adapters::raw_files(&open.target, &data))?;
    // A bus that takes each message's own arrival.
    let sources = files.iter().map(|(_, source)| source);
    let clock = PublishClock::Simulated;
    let bus = adapters::bus(&open.target, &data, clock, store.as_ref(), sources);
    let bus = runtime.block_on(bus)?;
    let (mut reports, mut too_old_files) = (Vec::new(), Vec::new());
    for (path, source) in files {
        let file = if is_stdin(path) {
            EventFile::spooled(io::stdin().lock(), data.path())?
        } else {
            EventFile::at(path)
        };
        too_old_files.extend(too_old_file(&open, &file, &source, &arrival)?);
        let config = FileConfig { source, arrival: arrival.clone(), is_again: args.again };
        let progress = Progress::new(0);
        let on_progress = |done, total| progress.messages(file.shown(), done, total);
        let ingested = ingest_file(&file, &config, &data, bus.clone(), store.clone(), &on_progress);
        let report = runtime.block_on(ingested);
        progress.finish();
        reports.push(report?);
    }
    drop(bus);
    let drifted = drift::of_dates(&open, &data, &ingested_dates(&reports));
    if place.json {
        return output::print(&format!("{}\n", to_json(&reports, &drifted)));
    }
    let mut text = render(place, &reports, &drifted);
    for (file, age) in &too_old_files {
        render_too_old(&mut text, file, age);
    }
    output::print(text.as_str())
}

/// What most of a file's messages are, if they arrive at one instant and are too old for it.
fn too_old_file(
    open: &OpenProject,
    file: &EventFile,
    source: &str,
    arrival: &ArrivalRule,
) -> Result<Option<(String, TooOld)>, Failure> {
    let (ArrivalRule::Now(arrived) | ArrivalRule::At(arrived)) = arrival else { return Ok(None) };
    let Some(source) = open.project.sources.get(source) else { return Ok(None) };
    let found = too_old(file, &source.contract, *arrived)?;
    Ok(found.map(|age| (file.shown().to_owned(), age)))
}

fn render_too_old(text: &mut Page, file: &str, age: &TooOld) {
    let TooOld { path, earliest, max_lateness_days } = age;
    text.line(format_args!(""));
    text.line(format_args!(
        "Most messages of {file} will be rejected as too late: `{path}` goes back to {earliest}, and \
         they may come {max_lateness_days} days late. To take in a past, let each message arrive when \
         it happened, in another data folder: --data FOLDER and --backfill {path}"
    ));
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The source that was named, or the one that the file's name begins with, or the only one.
fn source_of(open: &OpenProject, path: &Path, named: Option<&str>) -> Result<String, Failure> {
    let sources = &open.project.sources;
    let known: Vec<&str> = sources.keys().map(String::as_str).collect();
    if let Some(name) = named {
        if sources.contains_key(name) {
            return Ok(name.to_owned());
        }
        return Err(open::unknown_source(open, name));
    }
    let file = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let begins = |source: &&&str| {
        let rest = file.strip_prefix(**source);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    if let Some(source) = known.iter().find(begins) {
        return Ok((*source).to_owned());
    }
    if let [only] = known.as_slice() {
        return Ok((*only).to_owned());
    }
    let shown = path.display();
    Err(Failure::usage(format!("the name of `{shown}` does not tell which source it is of"))
        .hint(format!("add --source NAME; the sources are {}", known.join(", "))))
}

fn arrival(args: &IngestArgs, data: &DataFolder) -> Result<ArrivalRule, Failure> {
    let now = clock::now();
    let folder = data.clock()?;
    if args.arrived.is_none() && args.backfill.is_none() && folder == Some(FolderClock::Simulated) {
        return Err(Failure::usage(format!(
            "the messages in {} are on a simulation's time, where there is no now",
            data.path().display()
        ))
        .hint("say when these arrive, such as --arrived 2026-01-06T12:00:00Z"));
    }
    let latest = if folder == Some(FolderClock::Simulated) { END_OF_TIME } else { now };
    let arrived = args.arrived.map(|at| MicrosUtc(at.as_microsecond()));
    if let Some(arrived) = arrived.filter(|arrived| *arrived > latest) {
        return Err(Failure::usage(format!(
            "nothing can have arrived at {arrived}, which is yet to come"
        ))
        .hint("give an instant that has passed to --arrived"));
    }
    if folder.is_none() {
        data.claim_clock(FolderClock::System)?;
    }
    Ok(match (&args.backfill, arrived) {
        (Some(path), _) => ArrivalRule::Backfill { path: path.clone(), latest },
        (None, Some(arrived)) => ArrivalRule::At(arrived),
        (None, None) => ArrivalRule::Now(now),
    })
}

/// By source, the load dates that the files brought messages of.
fn ingested_dates(reports: &[FileReport]) -> BTreeMap<String, BTreeSet<Date>> {
    let mut dates: BTreeMap<String, BTreeSet<Date>> = BTreeMap::new();
    for report in reports.iter().filter(|report| !report.was_complete) {
        let own = dates.entry(report.record.source.clone()).or_default();
        own.extend(report.record.message_counts.keys().copied());
    }
    dates
}

fn to_json(reports: &[FileReport], drifted: &[SourceDrift]) -> serde_json::Value {
    let file = |report: &FileReport| {
        let record = &report.record;
        json!({
            "file": record.file,
            "source": record.source,
            "ingestion": record.ingestion,
            "was_in_already": report.was_complete,
            "message_count": record.message_count(),
            "message_count_by_load_date": record.message_counts,
            "resumed_message_count": report.resumed_message_count,
            "untimed_message_count": report.untimed_message_count,
        })
    };
    json!({
        "files": reports.iter().map(file).collect::<Vec<_>>(),
        "drift": drift::to_json(drifted),
    })
}

fn render(place: &Place, reports: &[FileReport], drifted: &[SourceDrift]) -> Page {
    let mut text = Page::default();
    for report in reports {
        render_file(&mut text, report);
    }
    if reports.iter().all(|report| report.was_complete) {
        text.line(format_args!("Nothing new. To send a file once more, add --again."));
    }
    if !drifted.is_empty() {
        text.line(format_args!(""));
        drift::render(&mut text, drifted, drift::FIELDS_SHOWN_SHORT);
    }
    text.line(format_args!(""));
    let lakebed = open::command_line(place);
    text.line(format_args!("What now:"));
    text.line(format_args!("  {lakebed} plan      # which partitions they reach, and why"));
    text.line(format_args!("  {lakebed} build"));
    text
}

fn render_file(text: &mut Page, report: &FileReport) {
    const DATES_SHOWN: usize = 7;
    let record = &report.record;
    let count = summary::counted(record.message_count(), "message");
    if report.was_complete {
        text.line(format_args!(
            "{}: in already, {count} of {} (ingestion {})",
            record.file, record.source, record.ingestion
        ));
        return;
    }
    text.line(format_args!("{}: {count} of {}", record.file, record.source));
    if report.resumed_message_count > 0 {
        text.line(format_args!(
            "  {} of them were in since a run that was cut short",
            summary::grouped(report.resumed_message_count)
        ));
    }
    for (date, count) in record.message_counts.iter().take(DATES_SHOWN) {
        text.line(format_args!("  load date {date}: {}", summary::grouped(*count)));
    }
    if record.message_counts.len() > DATES_SHOWN {
        let (more, last) =
            (record.message_counts.len() - DATES_SHOWN, record.message_counts.last_key_value());
        let last = last.map(|(date, _)| date.to_string()).unwrap_or_default();
        text.line(format_args!("  … and {more} more load dates, up to {last}"));
    }
    if report.untimed_message_count > 0 {
        text.line(format_args!(
            "  {} did not say when they arrived: they arrived with the message before them",
            summary::grouped(report.untimed_message_count)
        ));
    }
}
