//! The properties can fail: broken variants of the tables, and of the statements with which the engine
//! builds them, and what kills each.

mod by_hand;
mod mechanical;
pub mod operators;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use lakebed::verify::{
    Checker, Failure, Options, Problem, Property, Scope, Subject, check::Checked, error::shown,
    folder::Repeat, run::Observer, trial::Trial,
};

use super::checks::check_settled;

/// Who kills a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killer {
    /// A property of `lakebed verify`.
    Law(Property),
    /// What the messages mean, by the oracle of these tests.
    Oracle,
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Law(property) => property.fmt(f),
            Self::Oracle => f.write_str("oracle"),
        }
    }
}

/// What kills a project in a trial, and where it shows first.
fn killed(subject: &Subject, repeat: &Repeat) -> Option<(Killer, String)> {
    let (scope, _) = subject.scope(&repeat.tables).expect("the tables can be read");
    let by_law = problem(&scope, &repeat.trial, None);
    let killer = by_law.map(|problem| (Killer::Law(repeat.trial.property), problem));
    let killer = killer.or_else(|| {
        let by_oracle = problem(&scope, &repeat.trial, Some(&check_settled))?;
        Some((Killer::Oracle, by_oracle))
    });
    killer.map(|(killer, problem)| (killer, place(&problem)))
}

fn problem(scope: &Scope<'_>, trial: &Trial, observer: Option<&Observer<'_>>) -> Option<Problem> {
    let Checked { problem, .. } = Checker { scope, observer }
        .check(trial)
        .unwrap_or_else(|error| panic!("{}", shown(&error)));
    problem
}

/// The first wrong table.
fn place(problem: &Problem) -> String {
    match (problem.table(), problem) {
        (Some(table), _) => table.to_string(),
        // The oracle says it in its own words.
        (None, Problem::Failed { message, .. }) => {
            let table = message.split_whitespace().find(|word| word.contains('.'));
            table.unwrap_or_default().trim_end_matches(':').to_owned()
        }
        (None, Problem::Differs(_)) => String::new(),
    }
}

/// Tries cases until one fails, and makes it small: first what costs one build a case, then all
/// properties, then builds from nothing with the oracle looking on.
fn search(subject: &Subject, options: &Options) -> Option<Failure> {
    let found = |options: &Options, observer: Option<&Observer<'_>>| match lakebed::verify::run(
        subject,
        options,
        observer,
        &|_| {},
    ) {
        Ok(report) => report.failure,
        Err(error) => {
            eprintln!("cannot be tried: {}", shown(&error));
            None
        }
    };
    let from_nothing = Options { properties: vec![Property::Truth], ..options.clone() };
    found(&from_nothing, None)
        .or_else(|| found(options, None))
        .or_else(|| found(&from_nothing, Some(&check_settled)))
}

/// Cases for so long at most, and as long to make a failure small.
fn for_seconds(search: u64, shrink: u64) -> Options {
    Options {
        case_count: u64::MAX,
        time_max: Some(Duration::from_secs(search)),
        shrink_time_max: Duration::from_secs(shrink),
        ..Options::default()
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work in two threads.
fn in_parallel<T>(items: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let items = Mutex::new(items);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let next = || locked(&items).next();
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}
