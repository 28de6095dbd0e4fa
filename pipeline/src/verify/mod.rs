//! `lakebed verify`: property tests of people's own SQL.
//!
//! A case draws a small, nasty set of messages, brings it in and builds the tables in two ways that
//! must not matter, and compares them. What fails is made small and written to a folder that repeats
//! it. `docs/verify.md` says what each property means.
//!
//! [`run()`] is the whole of it. A case is a [`trial::Trial`]: messages and two schedules, written out;
//! a [`check::Checker`] performs it, a [`shrink::Shrinker`] makes it small, and [`folder`] keeps it.
//! Not for: what the command prints (`commands`), nor for choosing the engine.

pub mod any_order;
pub mod check;
pub mod compare;
pub mod dice;
pub mod error;
mod fault;
pub mod folder;
mod history;
pub mod lake;
pub mod message;
mod properties;
pub mod property;
pub mod run;
pub mod shrink;
mod sound;
pub mod store;
pub mod subject;
pub mod trial;
pub mod truth;
pub mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

pub use check::{Checker, Problem};
pub use error::VerifyError;
pub use property::{Draw, Property};
pub use shrink::{Failing, SHRINK_TIME_MAX};
pub use subject::{Scope, Subject, Unverifiable};

use crate::contract::TableName;
use run::{Observer, RunLog};
use shrink::Shrinker;

/// Of this many seeds in a row none had anything to try a property on: there is nothing to go on with.
const IDLE_SEEDS_MAX: u64 = 200;

/// How many cases, and of what.
#[derive(Clone, Debug)]
pub struct Options {
    /// These tables with what they read; all if none is named.
    pub tables: BTreeSet<TableName>,
    /// Cases: one property on one set of messages each.
    pub case_count: u64,
    /// The first set of messages.
    pub seed: u64,
    /// Which properties, in this order; all if none is named.
    pub properties: Vec<Property>,
    /// No case begins after that.
    pub time_max: Option<Duration>,
    /// Cases at the same time.
    pub jobs: usize,
    /// Messages of a set, at most.
    pub message_count_max: usize,
    /// Longest time for which a failure is made smaller.
    pub shrink_time_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tables: BTreeSet::new(),
            case_count: 100,
            seed: 1,
            properties: Vec::new(),
            time_max: None,
            jobs: 2,
            message_count_max: 40,
            shrink_time_max: SHRINK_TIME_MAX,
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// Cases that were tried, by property.
    pub cases: BTreeMap<Property, u64>,
    /// The first case that failed.
    pub failure: Option<Failure>,
    /// Time of the cases, without that of making a failure smaller.
    pub duration: Duration,
    /// Tables that were verified.
    pub table_count: usize,
    /// Named tables that could not be.
    pub unverifiable: Vec<Unverifiable>,
}

impl Report {
    /// Cases that were tried.
    pub fn case_count(&self) -> u64 {
        self.cases.values().sum()
    }
}

/// A case that failed, as small as it could be made.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which property does not hold.
    pub property: Property,
    /// Of which set of messages.
    pub seed: u64,
    /// The trial, and what does not hold.
    pub failing: Failing,
    /// The tables that it is about.
    pub tables: BTreeSet<TableName>,
    /// How many messages the set had.
    pub drawn_count: usize,
}

impl Failure {
    /// The first table that is wrong.
    pub fn table(&self) -> Option<&TableName> {
        self.failing.problem.table()
    }

    /// How many messages it takes.
    pub fn message_count(&self) -> usize {
        self.failing.trial.message_ids().len()
    }
}

/// What happens meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A case is done.
    Tried(Property),
    /// One failed, and is made smaller now.
    Shrinking(Property),
}

/// Verifies tables of a project.
pub fn run(
    subject: &Subject,
    options: &Options,
    observer: Option<&Observer<'_>>,
    on_event: &(dyn Fn(Event) + Sync),
) -> Result<Report, VerifyError> {
    let (scope, unverifiable) = subject.scope(&options.tables)?;
    let started = Instant::now();
    let checker = Checker { scope: &scope, observer };
    let cases = Cases::new(options, started);
    if !scope.tables().is_empty() {
        thread::scope(|threads| {
            for _ in 0..options.jobs.max(1) {
                threads.spawn(|| cases.work(checker, options, on_event));
            }
        });
    }
    let duration = started.elapsed();
    let table_count = scope.tables().len();
    let State { tried, found, .. } =
        cases.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failure = match found {
        None => None,
        Some((_, Err(error))) => return Err(error),
        Some((_, Ok(found))) => {
            on_event(Event::Shrinking(found.failing.trial.property));
            Some(shrunk(subject, &scope, found, observer, options.shrink_time_max)?)
        }
    };
    Ok(Report { cases: tried, failure, duration, table_count, unverifiable })
}

/// A case as it failed.
#[derive(Debug)]
struct Found {
    failing: Failing,
    log: RunLog,
}

/// The cases that the workers share.
struct Cases {
    properties: Vec<Property>,
    case_count: u64,
    deadline: Option<Instant>,
    state: Mutex<State>,
}

struct State {
    next_seed: u64,
    idle_seeds: u64,
    tried: BTreeMap<Property, u64>,
    /// The failure of the least seed.
    found: Option<(u64, Result<Found, VerifyError>)>,
}

impl Cases {
    fn new(options: &Options, started: Instant) -> Self {
        let all = options.properties.is_empty();
        let properties = if all { Property::ALL.to_vec() } else { options.properties.clone() };
        let tried = properties.iter().map(|property| (*property, 0)).collect();
        let deadline = options.time_max.map(|time| started + time);
        let state =
            Mutex::new(State { next_seed: options.seed, idle_seeds: 0, tried, found: None });
        Self { properties, case_count: options.case_count, deadline, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, checker: Checker<'_>, options: &Options, on_event: &(dyn Fn(Event) + Sync)) {
        let scope = checker.scope;
        while let Some(seed) = self.next_seed() {
            let size_max = options.message_count_max.max(1);
            let draw = Draw::new(seed, &scope.sources, size_max, scope.tables().len());
            match self.try_all(checker, &draw, on_event) {
                Ok(None) => {}
                Ok(Some(found)) => self.note(seed, Ok(found)),
                Err(error) => self.note(seed, Err(error)),
            }
        }
    }

    /// The next set of messages; `None` when there are cases enough.
    fn next_seed(&self) -> Option<u64> {
        let mut state = self.lock();
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let is_idle = state.idle_seeds > IDLE_SEEDS_MAX;
        if is_late || is_idle || state.found.is_some() || self.is_enough(&state) {
            return None;
        }
        state.next_seed += 1;
        state.idle_seeds += 1;
        Some(state.next_seed - 1)
    }

    fn is_enough(&self, state: &State) -> bool {
        state.tried.values().sum::<u64>() >= self.case_count
    }

    fn note(&self, seed: u64, found: Result<Found, VerifyError>) {
        let mut state = self.lock();
        if state.found.as_ref().is_none_or(|(known, _)| seed < *known) {
            state.found = Some((seed, found));
        }
    }

    /// Tries every property on a set of messages. The reference is built once for all of them.
    fn try_all(
        &self,
        checker: Checker<'_>,
        draw: &Draw,
        on_event: &(dyn Fn(Event) + Sync),
    ) -> Result<Option<Found>, VerifyError> {
        let mut reference = None;
        for property in &self.properties {
            let Some(trial) = property.trial(draw) else { continue };
            if !self.begin(*property, draw.seed) {
                return Ok(None);
            }
            let built = match reference.take() {
                Some(built) => built,
                None => match checker.reference(&trial)? {
                    Ok(built) => built,
                    Err(problem) => {
                        let failing = Failing { trial, problem };
                        return Ok(Some(Found { failing, log: RunLog::default() }));
                    }
                },
            };
            let checked = checker.check_against(&trial, &built)?;
            on_event(Event::Tried(*property));
            if let Some(problem) = checked.problem {
                let failing = Failing { trial, problem };
                return Ok(Some(Found { failing, log: checked.log }));
            }
            reference = Some(built);
        }
        Ok(None)
    }

    /// Counts a case, unless there are enough, or an earlier one has failed.
    fn begin(&self, property: Property, seed: u64) -> bool {
        let mut state = self.lock();
        let is_beaten = state.found.as_ref().is_some_and(|(known, _)| *known < seed);
        if is_beaten || self.is_enough(&state) {
            return false;
        }
        state.idle_seeds = 0;
        *state.tried.entry(property).or_default() += 1;
        true
    }
}

/// Makes a failure small: first the tables, to those that the wrong one reads, then all else.
fn shrunk(
    subject: &Subject,
    scope: &Scope<'_>,
    found: Found,
    observer: Option<&Observer<'_>>,
    time_max: Duration,
) -> Result<Failure, VerifyError> {
    let deadline = Instant::now() + time_max;
    let Found { failing, log } = found;
    let (property, seed) = (failing.trial.property, failing.trial.seed);
    let drawn_count = failing.trial.message_ids().len();
    let named: BTreeSet<TableName> = failing.problem.table().cloned().into_iter().collect();
    let (narrow, _) = subject.scope(&named)?;
    let checker = Checker { scope: &narrow, observer };
    let checked = checker.check(&failing.trial)?;
    // Elsewhere a crash comes at another statement, and another partition is built first.
    let (checker, failing, log) = match checked.problem {
        Some(problem) if !named.is_empty() => {
            (checker, Failing { problem, ..failing }, checked.log)
        }
        _ => (Checker { scope, observer }, failing, log),
    };
    let failing = Shrinker { checker, deadline }.shrink(failing, &log)?;
    let tables = checker.scope.tables().clone();
    Ok(Failure { property, seed, failing, tables, drawn_count })
}
