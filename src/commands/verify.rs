//! `lakebed verify`: property tests of the project's SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde_json::json;

use super::{
    Failure,
    open::{self, OpenProject},
    output::{self, Page},
    progress::Progress,
    verify_report::{self, Verdict},
};
use crate::{
    cli::{Place, VerifyArgs},
    contract::TableName,
    verify::{self, Checker, Failing, Options, Property, Report, Subject, VerifyError, folder},
};

/// Verifies and prints; a property that does not hold makes the status 1.
pub fn verify(place: &Place, args: &VerifyArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    if let Some(folder) = &args.replay {
        return replay(place, open, folder);
    }
    let named = args.tables.iter().map(|name| open::table(&open.graph, name));
    let options = Options {
        tables: named.collect::<Result<_, _>>()?,
        case_count: args.cases,
        seed: args.seed,
        properties: args.properties.clone(),
        time_max: args.time_limit,
        jobs: args.jobs,
        ..Options::default()
    };
    let is_named = !options.tables.is_empty();
    let subject = subject(open);
    let progress = Progress::new(args.cases);
    let report = verify::run(&subject, &options, None, &|event| progress.verify_event(event));
    progress.finish();
    let report = report?;
    refuse_unverifiable(&report, is_named)?;
    let written = match &report.failure {
        None => None,
        Some(failure) => {
            let path = args.out.join(folder::name(failure));
            folder::write(failure, &path)?;
            Some(path)
        }
    };
    let again = |folder: &Path| {
        let folder = open::quoted(&folder.display().to_string());
        format!("{} verify --replay {folder}", open::command_line(place))
    };
    let command = written.as_deref().map(again);
    if place.json {
        let json = to_json(&report, written.as_deref(), command.as_deref());
        output::print(&format!("{json}\n"))?;
    } else {
        let mut page = Page::default();
        verify_report::render_cases(&mut page, &report);
        if let (Some(failure), Some(folder), Some(command)) = (&report.failure, &written, &command)
        {
            verify_report::render_failure(&mut page, failure, folder, command);
        }
        output::print(page.as_str())?;
    }
    if report.failure.is_some() { Err(Failure::said()) } else { Ok(()) }
}

fn subject(open: OpenProject) -> Subject {
    let prelude = open.prelude.clone();
    let make_warehouse = Arc::new(move || {
        let options =
            lakebed_duckdb::Options { threads: Some(1), ..lakebed_duckdb::Options::default() };
        lakebed_duckdb::open_shared(None, options, &prelude)
    });
    Subject::new(open.project, open.prelude, make_warehouse)
}

/// Tables of which the simulator knows nothing are no success.
fn refuse_unverifiable(report: &Report, is_named: bool) -> Result<(), Failure> {
    let Some(first) = report.unverifiable.first() else { return Ok(()) };
    if report.table_count > 0 && !is_named {
        return Ok(());
    }
    let sources = first.sources.join(", ");
    Err(Failure::usage(format!(
        "{} cannot be verified: it reads {sources}, whose messages the simulator cannot make",
        first.table
    ))
    .hint(format!("it makes those of {}", sim::Source::ALL.map(sim::Source::name).join(", "))))
}

/// Tries a failure again.
fn replay(place: &Place, open: OpenProject, folder: &Path) -> Result<(), Failure> {
    let repeat = folder::read(folder)?;
    let known: BTreeSet<TableName> =
        repeat.tables.into_iter().filter(|table| open.graph.get(table).is_some()).collect();
    if known.is_empty() {
        return Err(Failure::usage("the project has none of the tables that failed")
            .hint("give the project of the failure to --project"));
    }
    let subject = subject(open);
    let (scope, _) = subject.scope(&known)?;
    let checker = Checker { scope: &scope, observer: None };
    let checked = checker.check(&repeat.trial)?;
    let Some(problem) = checked.problem else {
        let (property, count) = (repeat.trial.property, repeat.trial.message_ids().len());
        return output::print(&if place.json {
            let holds = json!({ "property": property, "holds": true, "message_count": count });
            format!("{holds}\n")
        } else {
            format!("{property} holds now, on the {count} messages of {}.\n", folder.display())
        });
    };
    let failing = Failing { trial: repeat.trial, problem };
    if place.json {
        output::print(&format!("{}\n", failing_json(&failing)))?;
    } else {
        let mut page = Page::default();
        verify_report::render_failing(&mut page, &failing, Verdict::Again);
        output::print(page.as_str())?;
    }
    Err(Failure::said())
}

fn to_json(report: &Report, folder: Option<&Path>, command: Option<&str>) -> serde_json::Value {
    let cases: BTreeMap<Property, u64> = report.cases.clone();
    let failure = report.failure.as_ref().map(|failure| {
        let mut json = failing_json(&failure.failing);
        json["drawn_message_count"] = failure.drawn_count.into();
        json["folder"] = folder.map(|folder| folder.display().to_string()).into();
        json["command"] = command.into();
        json
    });
    json!({
        "case_count": report.case_count(),
        "cases": cases,
        "table_count": report.table_count,
        "duration_ms": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        "cases_per_minute": verify_report::cases_per_minute(report),
        "unverifiable": report
            .unverifiable
            .iter()
            .map(|table| json!({ "table": table.table, "sources": table.sources }))
            .collect::<Vec<_>>(),
        "failure": failure,
    })
}

fn failing_json(failing: &Failing) -> serde_json::Value {
    let trial = &failing.trial;
    json!({
        "property": trial.property,
        "about": trial.property.about(),
        "holds": false,
        "seed": trial.seed,
        "table": failing.problem.table(),
        "message_count": trial.message_ids().len(),
        "messages": trial.message_ids(),
        "problem": failing.problem,
    })
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::File(error) => error.into(),
            VerifyError::Warehouse(error) => error.into(),
            VerifyError::Pipeline(error) => error.into(),
            error @ VerifyError::Folder { .. } => {
                Self::usage(error).hint("a folder of a failure is what `lakebed verify` wrote")
            }
            other => Self::data(other),
        }
    }
}
