//! The program: reads the command line, performs it, and exits with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    lakebed::commands::main()
}
