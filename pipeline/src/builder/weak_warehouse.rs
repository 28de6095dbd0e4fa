//! A warehouse for tests that does everything that the port allows, by one seed: calls that fail for a passing
//! reason, before anything was done or after all of it. And, where it is told to, one thing that the port
//! forbids, so that tests show that they would find it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    dialect::Dialect,
    error_kind::ErrorKind,
    port_error::PortError,
    recipe::{Fence, Recipe},
    verify::dice::Dice,
    warehouse::{
        Done, Intercepted, Receipt, RunError, Session, SharedWarehouse, Tables, Warehouse, fence,
        interpret,
    },
};

/// A recipe fails at most so often for a passing reason.
const FAILURES_MAX: u32 = 2;

/// So long a commit takes where claims do not wait for it.
const COMMIT_DURATION: Duration = Duration::from_millis(2);

/// Something that the port forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// What a recipe did before it failed stands.
    CommitsInParts,
    /// A commit is answered, and nothing of it is there.
    LosesCommit,
    /// A recipe that was done is done again.
    RunsTwice,
    /// An INSERT is answered, and its rows are not there.
    LosesRows,
    /// Rows that are to go stay.
    KeepsOldRows,
    /// A conflict that passes is called a mistake of the user's.
    MistakesConflicts,
    /// Who has lost the claim writes on.
    IgnoresFence,
    /// A claim is answered while earlier ones still commit.
    ClaimsInPassing,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CommitsInParts,
        Self::LosesCommit,
        Self::RunsTwice,
        Self::LosesRows,
        Self::KeepsOldRows,
        Self::MistakesConflicts,
        Self::IgnoresFence,
        Self::ClaimsInPassing,
    ];

    fn instead(self, sql: &str) -> Option<&'static str> {
        const NOTHING: &str = "select 1";
        let is_of_project = |start: &str| {
            let rest = sql.strip_prefix(start);
            rest.is_some_and(|table| !table.starts_with("lakebed.") && !table.starts_with("new_"))
        };
        match self {
            Self::CommitsInParts => sql.ends_with(" transaction").then_some(NOTHING),
            Self::LosesCommit => (sql == "commit transaction").then_some("rollback transaction"),
            Self::LosesRows => is_of_project("insert into ").then_some(NOTHING),
            Self::KeepsOldRows => is_of_project("delete from ").then_some(NOTHING),
            Self::IgnoresFence => sql.contains("error(").then_some(NOTHING),
            Self::RunsTwice | Self::MistakesConflicts | Self::ClaimsInPassing => None,
        }
    }
}

/// The warehouse.
pub struct WeakWarehouse {
    inner: SharedWarehouse,
    seed: u64,
    violation: Option<Violation>,
    /// How often each recipe was run, and has failed.
    runs: Mutex<BTreeMap<String, (u64, u32)>>,
}

impl WeakWarehouse {
    /// A warehouse that keeps what the port promises, and nothing else.
    pub fn new(inner: SharedWarehouse, seed: u64) -> Self {
        Self { inner, seed, violation: None, runs: Mutex::default() }
    }

    /// A warehouse that breaks one promise.
    pub fn violating(inner: SharedWarehouse, seed: u64, violation: Violation) -> Self {
        let intercepted = Intercepted::new(inner, move |sql| {
            if violation == Violation::ClaimsInPassing && sql == "commit transaction" {
                thread::sleep(COMMIT_DURATION);
            }
            Ok(violation.instead(sql).map_or(Cow::Borrowed(sql), Cow::Borrowed))
        });
        Self { violation: Some(violation), ..Self::new(Arc::new(intercepted), seed) }
    }

    /// Whether this run fails, and whether before anything is done.
    fn fails(&self, recipe: &Recipe) -> Option<bool> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, failures) = runs.entry(recipe.job_name()).or_default();
        *count += 1;
        let mut dice = Dice::new(self.seed, &format!("{} {count}", recipe.job_name()));
        let is_failing = *failures < FAILURES_MAX && dice.percent(30);
        *failures += u32::from(is_failing);
        is_failing.then(|| dice.percent(50))
    }
}

impl Warehouse for WeakWarehouse {
    fn dialect(&self) -> &dyn Dialect {
        self.inner.dialect()
    }

    fn session(&self) -> Result<Box<dyn Session>, PortError> {
        let inner = self.inner.session()?;
        if self.violation == Some(Violation::MistakesConflicts) {
            return Ok(Box::new(Mistaking(inner)));
        }
        Ok(inner)
    }

    fn tables(&self) -> Result<Tables, PortError> {
        self.inner.tables()
    }

    fn claim(&self, run_id: &str) -> Result<Fence, PortError> {
        if self.violation == Some(Violation::ClaimsInPassing) {
            return fence::claim(self.session()?.as_mut(), run_id);
        }
        self.inner.claim(run_id)
    }

    fn run(&self, recipe: &Recipe) -> Result<Receipt, RunError> {
        let passing = |message: &str| PortError::new(ErrorKind::Retry, message);
        let fails = self.fails(recipe);
        if fails == Some(true) {
            return Err(passing("the warehouse was not reached").into());
        }
        let receipt = if self.violation == Some(Violation::RunsTwice) {
            interpret(self.session()?.as_mut(), recipe)?
        } else {
            self.inner.run(recipe)?
        };
        match fails {
            None => Ok(receipt),
            Some(_) => Err(passing("the warehouse's answer was lost on its way").into()),
        }
    }
}

/// A session that calls every error a mistake of the user's.
struct Mistaking(Box<dyn Session>);

impl Session for Mistaking {
    fn execute(&mut self, sql: &str) -> Result<Done, PortError> {
        self.0.execute(sql).map_err(|error| mistaken(&error))
    }

    fn query(&mut self, sql: &str) -> Result<crate::warehouse::QueryResult, PortError> {
        self.0.query(sql).map_err(|error| mistaken(&error))
    }

    fn describe(
        &mut self,
        query: &str,
    ) -> Result<Vec<crate::warehouse::DescribedColumn>, PortError> {
        self.0.describe(query)
    }
}

fn mistaken(error: &PortError) -> PortError {
    PortError::new(ErrorKind::FixInput, error.to_string())
}

mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use lakebed_duckdb::{Options, open_shared};

    use super::*;
    use crate::{builder::conformance, prelude::Prelude, warehouse::strict::Strict};

    /// So many seeds are tried.
    const SEED_COUNT: u64 = 5;

    fn duckdb() -> SharedWarehouse {
        let options = Options { threads: Some(1), ..Options::default() };
        open_shared(None, options, &Prelude::default()).unwrap()
    }

    fn strict() -> SharedWarehouse {
        Arc::new(Strict::new(duckdb()))
    }

    #[test]
    fn duckdb_conforms() {
        conformance::run_all(duckdb);
    }

    #[test]
    fn the_strict_warehouse_conforms() {
        conformance::run_all(strict);
    }

    #[test]
    fn the_weak_warehouse_conforms() {
        for seed in 0..SEED_COUNT {
            conformance::run_all(|| Arc::new(WeakWarehouse::new(duckdb(), seed)));
        }
    }

    #[test]
    fn the_suite_finds_every_broken_promise() {
        for violation in Violation::ALL {
            let is_found = |seed: u64| {
                let new = || -> SharedWarehouse {
                    Arc::new(WeakWarehouse::violating(duckdb(), seed, violation))
                };
                catch_unwind(AssertUnwindSafe(|| conformance::run_all(new))).is_err()
            };
            assert!((0..SEED_COUNT).any(is_found), "{violation:?} is not found");
        }
    }
}
