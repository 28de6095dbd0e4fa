//! `lakebed run`: simulates a scenario, brings it in, builds all tables and grades them.

use std::time::Instant;

use lakebed_local::PublishClock;
use sim::{Limits, Scenario, Simulation, Source};

use super::{
    Failure, adapters,
    build::{Taking, build_with_progress, fail_if_broken},
    drift,
    open::{self, OpenProject},
    output,
    progress::Progress,
    summary::{self, RunSummary},
};
use crate::{
    cli::{Place, RunArgs},
    data_folder::{DataFolder, FolderClock},
    digest::Digest,
    event_files::has_ingested_files,
    grade::grade,
    ingest::{self, IngestConfig},
    pipeline::PinOptions,
};

pub fn run(place: &Place, args: &RunArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let open = open::project(place)?;
    let (scenario, config) = scenario(&open, args)?;
    let data = DataFolder::new(&place.data);
    let runtime = open::runtime()?;
    let options = PinOptions { accepts_removed_objects: args.effort.accept_removed };

    // Errors of the project's own files come before anything is simulated.
    let mut pipeline = open::unpinned_pipeline(&open, &data)?;
    open::use_engine(&mut pipeline, &open, &data, &args.effort)?;
    data.claim_clock(FolderClock::Simulated)?;
    let store = runtime.block_on(adapters::raw_files(&open.target, &data))?;
    let day_count = u64::from(scenario.days);
    let simulation = Simulation::new(scenario.clone());
    let (ingested, record) = runtime.block_on(async {
        let sources = Source::ALL.map(Source::name);
        let clock = PublishClock::Simulated;
        let bus = adapters::bus(&open.target, &data, clock, store.as_ref(), sources).await?;
        let store = store.clone();
        let progress = Progress::new(day_count);
        let on_day = |date, count| progress.day(date, count);
        let result = ingest::simulate(simulation, &config, &data, bus, store, &on_day).await;
        progress.finish();
        Ok::<_, Failure>(result?)
    })?;
    let ingest_duration = started.elapsed();

    runtime.block_on(pipeline.pin(store.as_ref(), options))?;
    let new_objects = pipeline.new_objects();
    let tables = open::tables(&pipeline.graph, &[])?;
    let report = build_with_progress(
        &mut pipeline,
        &open::build_options(tables, &args.effort),
        Taking::default(),
    )?;
    let build_duration = started.elapsed().saturating_sub(ingest_duration);
    // The truth knows nothing of messages that came beside the simulation.
    let has_other_messages = has_ingested_files(&data);
    let graded = match (&record.truth, report.is_success() && !has_other_messages) {
        (Some(truth), true) => {
            let mut session = pipeline.warehouse.session()?;
            Some(grade(session.as_mut(), &open.graph, truth, record.was_interrupted)?)
        }
        _ => None,
    };
    let summary = RunSummary {
        scenario: &scenario,
        scenario_name: &args.scenario,
        data: &data,
        ingested: &ingested,
        record: &record,
        build: &report,
        grade: graded.as_ref(),
        graph: &open.graph,
        drift: &drift::of_new_objects(&open, &data, &new_objects),
        ingest_duration,
        build_duration,
        command_line: open::command_line(place),
    };
    let mut page = summary::render_run(&summary, pipeline.warehouse.session()?.as_mut())?;
    // Closing writes what is left into the database file; it belongs to the time that we tell.
    drop(pipeline);
    page.line(format_args!("Done in {}.", summary::seconds(started.elapsed())));
    if place.json {
        output::print(&format!("{}\n", summary.json(started.elapsed())))?;
    } else {
        output::print(page.as_str())?;
    }
    fail_if_broken(&report, &open.graph, &data)?;
    match &graded {
        Some(grade) if grade.wrong().next().is_none() => Ok(()),
        None if has_other_messages => Ok(()),
        _ => Err(Failure::said()),
    }
}

fn scenario(open: &OpenProject, args: &RunArgs) -> Result<(Scenario, IngestConfig), Failure> {
    let name = &args.scenario;
    let (scenario, text) = open::scenario(open, name)?;
    let parameters = open.project.source_parameters();
    let days = |name: &str| {
        parameters.get(name).and_then(|days| i32::try_from(*days).ok()).unwrap_or_default()
    };
    let limits = Limits {
        max_lateness_days: days("raw.mobile_events.max_lateness_days"),
        max_skew_days: days("raw.mobile_events.max_skew_days"),
    };
    // The truth depends on the limits, so they are a part of what was simulated.
    let id = Digest::of_texts([text, env!("CARGO_PKG_VERSION"), &format!("{limits:?}")]);
    let plan_id = format!("{name}/{}", &id.to_string()[..8]);
    Ok((scenario, IngestConfig { plan_id, mode: args.ingest, listen: args.listen, limits }))
}
