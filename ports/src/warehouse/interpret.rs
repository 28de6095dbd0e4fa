//! Runs a recipe over a session, statement by statement.

use super::{Done, ErrorKind, Ran, Receipt, RunError, Session, StatementKind, fence};
use crate::{
    clock, crash,
    port_error::PortError,
    recipe::{Measured, Recipe, Step},
};

/// Runs all of it. On an error the transaction is rolled back.
pub fn run(session: &mut dyn Session, recipe: &Recipe) -> Result<Receipt, RunError> {
    let receipt = Receipt::default();
    let mut running = Running { session, recipe, measured: Measured::default(), receipt };
    let result = running.all();
    // What was set aside is of no use to anyone, whatever came of it.
    for kept in &recipe.kept {
        let _ = running.execute(StatementKind::Keep, &format!("drop table if exists {kept}"));
    }
    result.map(|built| Receipt { built, ..running.receipt })
}

struct Running<'a> {
    session: &'a mut dyn Session,
    recipe: &'a Recipe,
    measured: Measured,
    receipt: Receipt,
}

impl Running<'_> {
    fn all(&mut self) -> Result<Vec<crate::recipe::Built>, RunError> {
        for step in &self.recipe.prepare {
            self.step(step)?;
        }
        self.execute(StatementKind::Transaction, "begin transaction")?;
        let result = self.transaction();
        if result.is_err() {
            // The first error is the one that says why; a failed statement may have ended the
            // transaction already.
            let _ = self.execute(StatementKind::Transaction, "rollback transaction");
        }
        let built = result.map_err(|error| {
            // Whatever failed: a run that lost its claim is told so, and not to try again.
            let fenced = fence::fenced(self.session, self.recipe.fence());
            fenced.ok().flatten().map_or(error, RunError::from)
        })?;
        for step in &self.recipe.finish {
            // Not to be tried again: it is committed, and whoever opens the warehouse next does the rest.
            self.execute(step.into(), step.sql()).map_err(|error| {
                let message =
                    format!("all is committed, and the rest is left to the next run: {error}");
                PortError::new(ErrorKind::FixInput, message)
            })?;
            crash::point("builder::within_finish");
        }
        Ok(built)
    }

    fn transaction(&mut self) -> Result<Vec<crate::recipe::Built>, RunError> {
        for (done, step) in self.recipe.commit.iter().enumerate() {
            if done > 0 {
                crash::point("builder::within_statements");
            }
            self.step(step)?;
        }
        crash::point("builder::after_statements");
        let built = self.recipe.built(&self.measured)?;
        for note in self.recipe.notes(&built, clock::now()) {
            self.execute(StatementKind::Note, &note)?;
        }
        crash::point("builder::before_commit");
        self.execute(StatementKind::Transaction, "commit transaction")?;
        crash::point("builder::after_commit");
        Ok(built)
    }

    fn step(&mut self, step: &Step) -> Result<(), RunError> {
        let Step::Measure { part, side, sql } = step else {
            return Ok(self.execute(step.into(), step.sql())?);
        };
        let rows = self.session.query(sql)?;
        self.note(step.into(), sql, rows.done.clone());
        let rows = rows.text_rows()?;
        let unreadable = |error| PortError::new(ErrorKind::Bug, format!("{error}: {sql}"));
        self.recipe.take(&mut self.measured, (*part, *side), &rows).map_err(unreadable)?;
        self.recipe.judge(&self.measured, *part)?;
        Ok(())
    }

    fn execute(&mut self, kind: StatementKind, sql: &str) -> Result<(), PortError> {
        let done = self.session.execute(sql)?;
        self.note(kind, sql, done);
        Ok(())
    }

    fn note(&mut self, kind: StatementKind, sql: &str, done: Done) {
        self.receipt.statements.push(Ran::new(kind, sql, done));
        self.receipt.sent.push(sql.to_owned());
    }
}
