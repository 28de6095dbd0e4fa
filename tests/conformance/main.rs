//! Conformance: the SQL of this project means the same in DuckDB, in GoogleSQL and in Spark.
//!
//! `cargo xtask conformance [--quick] [--html FILE] [--part PART] [--engine ENGINE] [FILTER …]` runs
//! it: it makes a Python environment with the other engines and names it in `LAKEBED_CONFORMANCE`.
//! Without it nothing is compared, and the program says so. PART and ENGINE are words of the report; a
//! filter is a part of a construct's name, such as `mart.` or `safe_divide`.

mod arguments;
mod functions;
mod generate;
mod google;
mod mutants;
mod page;
mod payloads;
mod recorder;
mod report;
mod rows;
mod spark;
mod statements;
mod switch;
mod tables;
mod text;
mod trial;
mod worker;
mod world;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Instant,
};

use arguments::Arguments;
use google::Google;
use report::{GOOGLESQL, Line, Part, Report, SPARK, Verdict};
use spark::Spark;
use world::{OpenProject, World};

/// Where the Python environment is; set by `cargo xtask conformance`.
const ENVIRONMENT: &str = "LAKEBED_CONFORMANCE";
/// Small ones in which much goes wrong. Statements are those of the first.
const SCENARIOS: [&str; 2] = ["tiny", "bad-week"];

fn main() -> ExitCode {
    let arguments = Arguments::parse(env::args().skip(1));
    let Some(environment) = env::var_os(ENVIRONMENT).map(PathBuf::from) else {
        println!(
            "conformance: skipped, since {ENVIRONMENT} is not set: `cargo xtask conformance` runs it"
        );
        return ExitCode::SUCCESS;
    };
    let started = Instant::now();
    let report = compare_all(&environment, &arguments);
    print!("{}", report.text());
    println!("{:<20} {} s", "time", started.elapsed().as_secs());
    if let Some(path) = &arguments.html {
        let written = fs::write(path, page::html(&report));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare_all(environment: &Path, arguments: &Arguments) -> Report {
    let open = OpenProject::read();
    let python = environment.join("bin").join("python");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let worlds: Vec<(&str, World)> = SCENARIOS
        .into_iter()
        .filter(|_| arguments.wants_tables())
        .map(|scenario| (scenario, World::run(&open, scenario, folder.path())))
        .collect();
    // Each engine is one process that mostly has one thread.
    thread::scope(|scope| {
        let spark = scope.spawn(|| compare_with_spark(&open, &worlds, &python, arguments));
        let compiled = environment.join("zetasql.cwasm");
        let mut google = Google::start(&python, &compiled);
        let mut report = compare_with_google(&open, &worlds, &mut google, arguments);
        report.append(spark.join().expect("it panics only after saying why"));
        report
    })
}

fn compare_with_google(
    open: &OpenProject,
    worlds: &[(&str, World)],
    google: &mut Google,
    arguments: &Arguments,
) -> Report {
    let mut report = Report::default();
    for (function, error) in google.use_catalog(&open.project, &open.graph, &open.bigquery) {
        let problem = format!("GoogleSQL refuses it: {error}");
        report.add(refused(function, GOOGLESQL, problem));
    }
    let wants = |part| arguments.wants_part(part, GOOGLESQL);
    if wants(Part::Functions) {
        told("functions on GoogleSQL", || {
            functions::compare_all(open, google, arguments, &mut report);
        });
    }
    if wants(Part::Mutants) {
        told("mutants", || mutants::find_all(open, google, arguments, &mut report));
    }
    if wants(Part::Payloads) {
        told("payloads", || payloads::compare_all(open, google, arguments, &mut report));
    }
    for (number, (scenario, world)) in worlds.iter().enumerate() {
        if number == 0 && (wants(Part::Statements) || wants(Part::Effects)) {
            told("statements", || statements::check(open, world, google, &mut report));
        }
        if wants(Part::Tables) {
            told(&format!("tables of {scenario} on GoogleSQL"), || {
                tables::compare(scenario, world, google, arguments, &mut report);
            });
        }
    }
    report
}

fn compare_with_spark(
    open: &OpenProject,
    worlds: &[(&str, World)],
    python: &Path,
    arguments: &Arguments,
) -> Report {
    let mut report = Report::default();
    if arguments.wants_part(Part::Functions, SPARK) {
        told("functions on Spark", || match Spark::start(python, open) {
            Ok(mut spark) => {
                functions::compare_on_spark(open, &mut spark, arguments, &mut report);
            }
            Err(error) => {
                let problem = format!("Spark refuses it: {error}");
                report.add(refused("layers/functions/spark.sql".to_owned(), SPARK, problem));
            }
        });
    }
    let wanted = worlds.iter().filter(|_| arguments.wants_part(Part::Tables, SPARK));
    for (scenario, world) in wanted.take(arguments.depth.scenarios_on_spark) {
        told(&format!("tables of {scenario} on Spark"), || {
            switch::compare(open, (scenario, world), python, arguments, &mut report);
        });
    }
    report
}

/// A definition that an engine does not take.
fn refused(construct: String, engine: &'static str, problem: String) -> Line {
    let verdict = Verdict::Differs(vec![problem]);
    Line { part: Part::Statements, construct, engine, verdict, case_count: 1 }
}

/// Says how long a part took, so that whoever waits sees that it goes on.
fn told<T>(part: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    eprintln!("{part}: {:.0} s", started.elapsed().as_secs_f64());
    done
}
