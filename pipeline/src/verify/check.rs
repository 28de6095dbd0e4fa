//! Tries a trial: both runs, and whether what must hold does.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::{
    compare::{self, Difference, Reading, Row, by_id},
    error::{RunError, VerifyError},
    history,
    lake::Lake,
    message::{Sent, Side},
    property::Property,
    run::{Observer, RunLog, Runner},
    store::TrialStore,
    subject::Scope,
    trial::{Schedule, Trial},
    truth,
};
use crate::contract::TableName;

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Problem {
    /// Rows are not as they must be.
    Differs(Difference),
    /// A build failed, or came to no end.
    Failed {
        /// In the run of which side.
        side: Side,
        /// Of which table, if that is known.
        table: Option<TableName>,
        /// What was said.
        message: String,
    },
}

impl Problem {
    /// The first table that is wrong.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::Differs(difference) => Some(&difference.table),
            Self::Failed { table, .. } => table.as_ref(),
        }
    }
}

/// A lake that was built from nothing, with what is known of its tables.
pub struct Reference<'a> {
    lake: Lake<'a>,
    known: RefCell<Vec<(Vec<Reading>, Vec<Row>)>>,
}

/// Tries trials over the tables of a scope.
#[derive(Clone, Copy)]
pub struct Checker<'a> {
    /// The tables.
    pub scope: &'a Scope<'a>,
    /// Looks whenever nothing is stale.
    pub observer: Option<&'a Observer<'a>>,
}

/// How a trial came out.
#[derive(Debug)]
pub struct Checked {
    /// What does not hold; `None` if all does.
    pub problem: Option<Problem>,
    /// What the varied run did.
    pub log: RunLog,
}

impl<'a> Checker<'a> {
    /// Performs the reference of a trial; the problem is that it cannot be built.
    pub fn reference(&self, trial: &Trial) -> Result<Result<Reference<'a>, Problem>, VerifyError> {
        match self.perform(trial, Side::Reference, &trial.reference) {
            Ok((lake, _)) => Ok(Ok(Reference { lake, known: RefCell::default() })),
            Err(error) => problem_of(error, Side::Reference).map(Err),
        }
    }

    /// Tries the trial, both sides from nothing.
    pub fn check(&self, trial: &Trial) -> Result<Checked, VerifyError> {
        match self.reference(trial)? {
            Ok(reference) => self.check_against(trial, &reference),
            Err(problem) => Ok(Checked { problem: Some(problem), log: RunLog::default() }),
        }
    }

    /// Tries the trial against a reference that is built already.
    pub fn check_against(
        &self,
        trial: &Trial,
        reference: &Reference<'_>,
    ) -> Result<Checked, VerifyError> {
        let Some(schedule) = &trial.variation else {
            let problem = judge(trial, &reference.lake)?.map(Problem::Differs);
            return Ok(Checked { problem, log: RunLog::default() });
        };
        match self.perform(trial, Side::Variation, schedule) {
            Ok((lake, log)) => {
                let problem = reference.difference(trial, &lake)?.map(Problem::Differs);
                Ok(Checked { problem, log })
            }
            Err(error) => {
                let problem = Some(problem_of(error, Side::Variation)?);
                Ok(Checked { problem, log: RunLog::default() })
            }
        }
    }

    fn perform(
        &self,
        trial: &Trial,
        side: Side,
        schedule: &Schedule,
    ) -> Result<(Lake<'a>, RunLog), RunError> {
        let variant = self.scope.variant(trial.limits)?;
        let mut lake = Lake::new(self.scope, &variant, &TrialStore::new()?.into())?;
        let messages = by_id(trial.messages_of(side));
        let runner = Runner { messages, observer: self.observer };
        let log = runner.run(&mut lake, schedule)?;
        Ok((lake, log))
    }
}

impl Reference<'_> {
    fn difference(
        &self,
        trial: &Trial,
        variation: &Lake<'_>,
    ) -> Result<Option<Difference>, VerifyError> {
        let readings = compare::readings(trial, &variation.variant.graph);
        let wanted = self.fingerprints(&readings)?;
        let found = compare::fingerprints(variation, &readings)?;
        if wanted == found {
            return Ok(None);
        }
        Ok(compare::difference(&self.lake, variation, &readings)?)
    }

    fn fingerprints(&self, readings: &[Reading]) -> Result<Vec<Row>, VerifyError> {
        let mut known = self.known.borrow_mut();
        if let Some((_, found)) = known.iter().find(|(of, _)| of == readings) {
            return Ok(found.clone());
        }
        let found = compare::fingerprints(&self.lake, readings)?;
        known.push((readings.to_vec(), found.clone()));
        Ok(found)
    }
}

/// What must hold of one lake by itself.
fn judge(trial: &Trial, lake: &Lake<'_>) -> Result<Option<Difference>, VerifyError> {
    let messages: Vec<&Sent> = trial.messages_of(Side::Reference).collect();
    if trial.property == Property::Conservation {
        let misplaced = truth::misplaced(lake, &messages)?;
        return Ok(if misplaced.is_some() { misplaced } else { history::torn(lake)? });
    }
    if let Some(difference) = truth::misjudged(lake, &messages)? {
        return Ok(Some(difference));
    }
    match truth::business_truth(trial.limits, &messages) {
        Some(truth) => Ok(truth::untrue(lake, &truth)?),
        None => Ok(None),
    }
}

fn problem_of(error: RunError, side: Side) -> Result<Problem, VerifyError> {
    match error {
        RunError::Table { table, message } => {
            Ok(Problem::Failed { side, table: Some(table), message })
        }
        RunError::Observed(message) => Ok(Problem::Failed { side, table: None, message }),
        RunError::Verify(error) => Err(error),
    }
}
