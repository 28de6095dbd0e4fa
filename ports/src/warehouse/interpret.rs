//! Runs a recipe over a session, statement by statement.

use std::time::Instant;

use super::{ErrorKind, QueryResult, Ran, Receipt, RunError, Session, WarehouseError};
use crate::{
    clock, crash,
    recipe::{Measured, Recipe, Step},
};

/// Runs all of it. On an error the transaction is rolled back.
pub fn run(session: &mut dyn Session, recipe: &Recipe) -> Result<Receipt, RunError> {
    let mut running = Running { session, recipe, measured: Measured::default(), ran: Vec::new() };
    let result = running.all();
    // What was set aside is of no use to anyone, whatever came of it.
    for kept in &recipe.kept {
        let _ = running.execute(&format!("drop table if exists {kept}"));
    }
    result.map(|built| Receipt { built, statements: running.ran })
}

struct Running<'a> {
    session: &'a mut dyn Session,
    recipe: &'a Recipe,
    measured: Measured,
    ran: Vec<Ran>,
}

impl Running<'_> {
    fn all(&mut self) -> Result<Vec<crate::recipe::Built>, RunError> {
        for step in &self.recipe.prepare {
            self.step(step)?;
        }
        self.execute("begin transaction")?;
        let result = self.transaction();
        if result.is_err() {
            // The first error is the one that says why; a failed statement may have ended the
            // transaction already.
            let _ = self.execute("rollback transaction");
        }
        let built = result?;
        for step in &self.recipe.finish {
            // Not to be tried again: it is committed, and whoever opens the warehouse next does the rest.
            self.execute(step.sql()).map_err(|error| {
                let message = format!("the table is built, and not in its place yet: {error}");
                WarehouseError::new(ErrorKind::FixInput, message)
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
            self.execute(&note)?;
        }
        crash::point("builder::before_commit");
        self.execute("commit transaction")?;
        crash::point("builder::after_commit");
        Ok(built)
    }

    fn step(&mut self, step: &Step) -> Result<(), RunError> {
        let Step::Measure { part, side, sql } = step else { return Ok(self.execute(step.sql())?) };
        let rows = self.query(sql)?.text_rows()?;
        let unreadable = |error| WarehouseError::new(ErrorKind::Bug, format!("{error}: {sql}"));
        self.recipe.take(&mut self.measured, (*part, *side), &rows).map_err(unreadable)?;
        self.recipe.judge(&self.measured, *part)?;
        Ok(())
    }

    fn execute(&mut self, sql: &str) -> Result<(), WarehouseError> {
        self.timed(sql, |session| session.execute(sql))
    }

    fn query(&mut self, sql: &str) -> Result<QueryResult, WarehouseError> {
        self.timed(sql, |session| session.query(sql))
    }

    fn timed<T>(
        &mut self,
        sql: &str,
        send: impl FnOnce(&mut dyn Session) -> Result<T, WarehouseError>,
    ) -> Result<T, WarehouseError> {
        let started = Instant::now();
        let result = send(self.session)?;
        self.ran.push(Ran { sql: sql.to_owned(), duration: started.elapsed() });
        Ok(result)
    }
}
