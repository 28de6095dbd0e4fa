//! Every table is a pure function of the set of archived messages and of the code: properties of the
//! real planner and the real SQL, each over random cases.
//!
//! A case is a number. `LAKEBED_PROPERTY_SEED` names the first one, of which only that one is run
//! unless `LAKEBED_PROPERTY_CASES` says how many of each property. A case that fails prints the
//! command that repeats it.

mod checks;
mod code;
mod constants;
mod coverage;
mod laws;
mod meaning;
mod mutants;
mod oracle;
mod planning;
mod project;
mod removal;
mod replay;
mod rows;

use std::{env, time::Instant};

/// A case that holds, or what is wrong.
type Outcome = Result<(), String>;

/// Says which case it was, also when it panics.
struct Case<'a> {
    property: &'a str,
    seed: u64,
}

impl Case<'_> {
    fn repeat_command(&self) -> String {
        let Self { property, seed } = self;
        format!("LAKEBED_PROPERTY_SEED={seed} cargo xtask test properties::{property}")
    }
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with: {}", self.repeat_command());
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, and is `{text}`")))
}

/// Runs the cases of a property: its path below `properties`, how many, and one case.
fn check_all(property: &str, default_count: u64, check: impl Fn(u64) -> Outcome) {
    let seed = number("LAKEBED_PROPERTY_SEED");
    let count = number("LAKEBED_PROPERTY_CASES");
    let first = seed.unwrap_or(1);
    let count = count.unwrap_or(if seed.is_some() { 1 } else { default_count });
    let started = Instant::now();
    for seed in first..first + count {
        let case = Case { property, seed };
        if let Err(problem) = check(seed) {
            panic!("{property}, case {seed}: {problem}");
        }
        drop(case);
    }
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{property}: {count} cases from {first} in {seconds:.1} s");
}
