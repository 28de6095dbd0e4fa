//! Conformance: the SQL of this project means the same in DuckDB, in GoogleSQL and in Spark.
//!
//! `cargo xtask conformance [--html FILE] [FILTER …]` runs it: it makes a Python environment with the
//! other engines and names it in `LAKEBED_CONFORMANCE`. Without it nothing is compared, and the
//! program says so. A filter is a part of a construct's name, such as `mart.` or `safe_divide`.

mod functions;
mod generate;
mod google;
mod mutants;
mod payloads;
mod recorder;
mod report;
mod rows;
mod spark;
mod statements;
mod tables;
mod text;
mod trial;
mod worker;
mod world;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use google::Google;
use lakebed::warehouse::duckdb::{Options, open_shared};
use report::{Line, Report, Verdict};
use world::{OpenProject, World};

/// Where the Python environment is; set by `cargo xtask conformance`.
const ENVIRONMENT: &str = "LAKEBED_CONFORMANCE";
/// Small ones in which much goes wrong.
const SCENARIOS: [&str; 1] = ["tiny"];

/// What was asked for.
struct Arguments {
    html: Option<PathBuf>,
    filters: Vec<String>,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut parsed = Self { html: None, filters: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--html" => parsed.html = arguments.next().map(PathBuf::from),
                // Options of cargo's own test harness say nothing here.
                option if option.starts_with('-') => {}
                filter => parsed.filters.push(filter.to_owned()),
            }
        }
        parsed
    }

    fn wants(&self, construct: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| construct.contains(filter))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse(env::args().skip(1));
    let Some(environment) = env::var_os(ENVIRONMENT).map(PathBuf::from) else {
        println!(
            "conformance: skipped, since {ENVIRONMENT} is not set: `cargo xtask conformance` runs it"
        );
        return ExitCode::SUCCESS;
    };
    let report = compare_all(&environment, &arguments);
    print!("{}", report.text());
    if let Some(path) = &arguments.html {
        report.write_html(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare_all(environment: &Path, arguments: &Arguments) -> Report {
    let mut report = Report::default();
    let open = OpenProject::read();
    let python = environment.join("bin").join("python");
    let mut google = Google::start(&python, &environment.join("zetasql.cwasm"));
    for (function, error) in google.use_catalog(&open.project, &open.graph, &open.bigquery) {
        let verdict = Verdict::Differs(vec![format!("GoogleSQL refuses it: {error}")]);
        report.add(Line {
            part: "statements",
            construct: function,
            engine: "googlesql",
            verdict,
            case_count: 1,
        });
    }
    let options = Options { threads: None, is_read_only: false };
    let duckdb = open_shared(None, options, &open.duckdb).expect("a database in memory");
    functions::compare_all(
        duckdb.as_ref(),
        &mut google,
        &|name| arguments.wants(name),
        &mut report,
    );
    mutants::find_all(&open, &mut google, &|name| arguments.wants(name), &mut report);
    payloads::compare_all(
        &open.project,
        duckdb.as_ref(),
        &mut google,
        &|name| arguments.wants(name),
        &mut report,
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    for scenario in SCENARIOS {
        let world = World::run(&open, scenario, folder.path());
        if scenario == SCENARIOS[0] && arguments.wants("statements") {
            statements::check(&open, &world, &mut google, &mut report);
        }
        if arguments.wants("spark") {
            spark::compare(&open, scenario, &world, &python, &mut report);
        }
        tables::compare(scenario, &world, &mut google, &|name| arguments.wants(name), &mut report);
    }
    report
}
