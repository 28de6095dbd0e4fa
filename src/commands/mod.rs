//! The verbs, one file each, and the composition root: only here are adapters picked.

mod adapters;
mod archive;
mod build;
mod charges;
mod check;
mod completions;
mod cost;
mod damage;
mod drift;
mod explain;
mod failure;
mod gateway;
mod growth;
mod ingest;
mod init;
mod logs;
mod open;
mod output;
mod plan;
mod progress;
mod query;
mod rejected;
mod run;
mod script;
mod show;
mod sim;
mod summary;
mod tail;
mod target;
mod verify;
mod verify_report;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

pub use failure::Failure;

/// Reads the command line and performs it. Exit status: 0 for success, 1 when the data, a check or
/// the machine failed, 2 when what was asked for cannot be done as it was asked.
pub fn main() -> ExitCode {
    // Lets tests kill the process at named places; without FAILPOINTS it does nothing.
    let scenario = fail::FailScenario::setup();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => run::run(&cli.place, &args),
        Command::Gateway(args) => gateway::gateway(&cli.place, &args),
        Command::Archive(args) => archive::archive(&cli.place, &args),
        Command::Tail(args) => tail::tail(&cli.place, &args),
        Command::Target(args) => target::target(&cli.place, &args),
        Command::Plan(args) => plan::plan(&cli.place, &args),
        Command::Build(args) => build::build(&cli.place, &args),
        Command::Growth(args) => growth::growth(&cli.place, &args),
        Command::Cost(args) => cost::cost(&cli.place, &args),
        Command::Check(args) => check::check(&cli.place, &args),
        Command::Query(args) => query::query(&cli.place, &args),
        Command::Show(args) => show::show(&cli.place, &args),
        Command::Ingest(args) => ingest::ingest(&cli.place, &args),
        Command::Explain(args) => explain::explain(&cli.place, &args),
        Command::Verify(args) => verify::verify(&cli.place, &args),
        Command::Rejected(args) => rejected::rejected(&cli.place, &args),
        Command::Drift(args) => drift::drift(&cli.place, &args),
        Command::Init(args) => init::init(&cli.place, &args),
        Command::Sim(args) => sim::sim(&cli.place, &args),
        Command::Completions(args) => completions::completions(&args),
    };
    scenario.teardown();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(cli.place.json),
    }
}
