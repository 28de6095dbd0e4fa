//! `lakebed completions`: prints what a shell needs to complete the command line.

use clap::CommandFactory;

use super::{Failure, output};
use crate::cli::{Cli, CompletionsArgs};

pub fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lakebed", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
