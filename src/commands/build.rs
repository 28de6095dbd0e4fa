//! `lakebed build`: builds what is stale.

use std::io::{IsTerminal, Write};

use super::{
    Failure,
    charges::{self, Sent},
    damage::{self, Damaged},
    drift,
    failure::{build_hint, causes},
    open::{self, OpenProject},
    output::{self, Page},
    progress::Progress,
    script::Script,
    summary,
};
use crate::{
    builder::{BuildEvent, BuildOptions, BuildReport, TableOutcome},
    cli::{BuildArgs, EngineChoice, Place},
    contract::TableName,
    data_folder::DataFolder,
    graph::Graph,
    pipeline::{PinOptions, Pipeline},
    plan::{Plan, ahead::ahead},
    raw_store::error::DAMAGED_HINT,
    rejections,
};

/// More partitions than these, built before and now stale, are not rebuilt without a word.
const REBUILD_PARTITIONS_MAX: usize = 400;

pub fn build(place: &Place, args: &BuildArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let data = DataFolder::new(&place.data);
    if args.emit_script.is_some() && args.effort.engine != EngineChoice::Duckdb {
        return Err(Failure::usage(
            "a script is what DuckDB runs, and Spark would run a part of it",
        )
        .hint("leave --engine or --emit-script out; both engines give the same rows"));
    }
    let options = PinOptions { accepts_removed_objects: args.effort.accept_removed };
    let mut pipeline = open::pipeline(&open, &data, options)?;
    open::use_engine(&mut pipeline, &open, &data, &args.effort)?;
    let tables = open::tables(&pipeline.graph, &args.tables)?;
    let mut build_options = open::build_options(tables, &args.effort);
    if args.from.is_some() || args.to.is_some() {
        let from = args.from.unwrap_or(jiff::civil::Date::MIN);
        let to = args.to.unwrap_or(jiff::civil::Date::MAX);
        if from > to {
            return Err(Failure::usage(format!("--from {from} is after --to {to}"))
                .hint("both dates are included; write the earlier one after --from"));
        }
        build_options.selection.dates = Some((from, to));
    }
    if args.full {
        let named = args.tables.iter().map(|name| open::table(&pipeline.graph, name));
        let selection = &mut build_options.selection;
        selection.full = named.collect::<Result<_, _>>()?;
        if selection.full.is_empty() {
            selection.full.clone_from(&selection.tables);
        }
    }
    ask_before_large_rebuild(&pipeline.plan(&build_options.selection), args.effort.yes)?;
    let days_max = build_options.window_days_max;
    charges::hold_budgets(&open, &pipeline, &build_options.selection, days_max)?;
    let new_objects = pipeline.new_objects();
    let orphans = pipeline.orphans().clone();
    if args.prune {
        pipeline.prune()?;
    }
    let script = args.emit_script.as_deref();
    let script =
        script.map(|folder| Script::begin(folder, &pipeline, &open.prelude)).transpose()?;
    let sent = args.bytes.then(Sent::default);
    let taking = Taking { script: script.as_ref(), sent: sent.as_ref() };
    let report = build_with_progress(&mut pipeline, &build_options, taking)?;
    if let Some(script) = script {
        script.finish()?;
    }
    let charges = sent.map(|sent| sent.charges(&open, &pipeline, &report)).transpose()?;
    if place.json {
        let mut json = summary::build_json(&report);
        for (name, charge) in charges.iter().flatten() {
            json[name.as_str()]["scan"] = charges::json(charge);
        }
        output::print(&format!("{json}\n"))?;
    } else {
        let mut page = summary::render_build(&report);
        if let Some(charges) = &charges {
            charges::render_total(&mut page, charges);
        }
        summary::render_orphans(&mut page, &orphans, args.prune);
        let ahead = ahead(pipeline.planner(), &build_options.selection.tables);
        summary::render_ahead(&mut page, ahead.as_ref());
        let drifted = drift::of_new_objects(&open, &data, &new_objects);
        drift::render(&mut page, &drifted, drift::FIELDS_SHOWN_SHORT);
        render_mostly_rejected(&mut page, &open, &pipeline, &report, &open::command_line(place))?;
        output::print(page.as_str())?;
    }
    fail_if_broken(&report, &pipeline.graph, &data)
}

/// Says which sources are hardly of use: their tables are right, and nearly empty.
fn render_mostly_rejected(
    page: &mut Page,
    open: &OpenProject,
    pipeline: &Pipeline,
    report: &BuildReport,
    lakebed: &str,
) -> Result<(), Failure> {
    let mut session = pipeline.warehouse.session()?;
    for source in open.project.sources.keys() {
        let checked = TableName::new("standardized", &format!("{source}_checked"));
        if report.tables.get(&checked).is_none_or(|table| table.partition_count == 0) {
            continue;
        }
        let share = rejections::share(session.as_mut(), &open.graph, source)?;
        if let Some((rejected, all)) = share.filter(|(rejected, all)| rejected * 2 > *all) {
            page.line(format_args!(
                "Most messages of {source} were rejected, {} of {}: `{lakebed} rejected {source}` says why.",
                summary::grouped(rejected),
                summary::grouped(all)
            ));
        }
    }
    Ok(())
}

/// Who takes what a build sends.
#[derive(Clone, Copy, Default)]
pub struct Taking<'a> {
    /// Writes it down.
    pub script: Option<&'a Script>,
    /// Keeps it, to be priced.
    pub sent: Option<&'a Sent>,
}

/// Builds, with a line that moves on a terminal.
pub fn build_with_progress(
    pipeline: &mut Pipeline,
    options: &BuildOptions,
    taking: Taking<'_>,
) -> Result<BuildReport, Failure> {
    let progress = Progress::new(options.selection.tables.len() as u64);
    let report = pipeline.build(options, &|event| {
        progress.build_event(&event);
        if let Some(script) = taking.script {
            script.add(&event);
        }
        if let (Some(taken), BuildEvent::Committed { of, sent }) = (taking.sent, &event) {
            taken.add(of, sent);
        }
    });
    progress.finish();
    Ok(report?)
}

/// Prints why tables failed; the exit status is then 1.
pub fn fail_if_broken(
    report: &BuildReport,
    graph: &Graph,
    data: &DataFolder,
) -> Result<(), Failure> {
    if report.is_success() {
        return Ok(());
    }
    for (name, table) in &report.tables {
        if let TableOutcome::Failed(error) = &table.outcome {
            eprintln!("error: {name}: {error}");
            for cause in causes(error) {
                eprintln!("  because {cause}");
            }
            if let Some(hint) = build_hint(error) {
                eprintln!("hint: {hint}");
            }
        }
    }
    if let Some(Damaged { key, detail }) = damage::find(data, graph, report) {
        eprintln!("the raw object {key} is damaged ({detail})");
        eprintln!("hint: {DAMAGED_HINT}");
    }
    Err(Failure::said())
}

fn ask_before_large_rebuild(plan: &Plan, is_agreed: bool) -> Result<(), Failure> {
    let rebuilt = plan.rebuilt_count();
    if is_agreed || rebuilt <= REBUILD_PARTITIONS_MAX {
        return Ok(());
    }
    let question = format!("{rebuilt} partitions that were built before are stale");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(question).hint("see `lakebed plan`; add --yes to rebuild them"));
    }
    eprint!("{question}; rebuild them? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failure::data)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        Ok(())
    } else {
        Err(Failure::usage("not rebuilt"))
    }
}
