//! Builds windows of one table: asks for what must be known, makes the recipe, and has it run.

use std::sync::Arc;

use crate::{
    clock::MicrosUtc,
    engine::{ExchangedRows, Outside},
    graph::Node,
    plan::{Snapshot, window::Window},
    port_error::PortError,
    recipe::{
        self, BoundSelect, Fence, Known, RawObjects, Recipe, RecipeError, Refusal, Task,
        select::{self, cut_query},
    },
    sql::bind::Literal,
    warehouse::{ErrorKind, Receipt, RunError, Session, Warehouse},
};

/// Why a window was not built. The old data stands.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] PortError),
    /// Another engine was to run the SELECT, and gave no rows.
    #[error(transparent)]
    Outside(PortError),
    /// The new rows are not what they must be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A seed's CSV is wrong.
    #[error("{0}")]
    Seed(String),
}

impl From<RunError> for BuildError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Statement(error) => Self::Statement(error),
            RunError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<RecipeError> for BuildError {
    fn from(error: RecipeError) -> Self {
        match error {
            RecipeError::Bind(error) => {
                Self::Statement(PortError::new(ErrorKind::Bug, error.to_string()))
            }
            RecipeError::Seed(problem) => Self::Seed(problem),
        }
    }
}

impl BuildError {
    /// Whether the same may succeed on the next attempt.
    pub fn is_transient(&self) -> bool {
        self.kind() == Some(ErrorKind::Retry)
    }

    /// Whether less of the same may succeed.
    pub fn exceeds_resources(&self) -> bool {
        self.kind() == Some(ErrorKind::ResourcesExceeded)
    }

    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Statement(error) | Self::Outside(error) => Some(error.kind()),
            Self::Refused(_) | Self::Seed(_) => None,
        }
    }
}

/// Builds windows of one table.
pub struct TableBuilder<'a> {
    /// The engine.
    pub warehouse: &'a dyn Warehouse,
    /// The table.
    pub node: &'a Node,
    /// What the warehouse holds of it.
    pub snapshot: &'a Snapshot,
    /// By what the run may write.
    pub fence: &'a Fence,
    /// The pinned raw objects.
    pub raw: &'a Arc<RawObjects>,
    /// The engine that runs the SELECT, if it is not the warehouse.
    pub outside: Option<Outside<'a>>,
}

/// A recipe, with what it reads besides the warehouse.
pub struct Prepared {
    recipe: Recipe,
    /// What another engine wrote, there as long as the recipe is run.
    _exchanged: Vec<ExchangedRows>,
}

impl TableBuilder<'_> {
    /// Builds these windows, all or none. If the table begins anew, what it holds goes in the same
    /// transaction: until it is committed, readers have the old rows.
    pub fn build(
        &self,
        tasks: &[Task],
        begins_anew: bool,
        sequence: i64,
    ) -> Result<Receipt, BuildError> {
        self.run(&self.prepare(tasks, begins_anew, sequence)?)
    }

    /// All that is sent to build these windows.
    pub fn prepare(
        &self,
        tasks: &[Task],
        begins_anew: bool,
        sequence: i64,
    ) -> Result<Prepared, BuildError> {
        let tasks = recipe::windows(self.node, begins_anew, tasks);
        let mut session = self.warehouse.session()?;
        let (recipe, exchanged) = self.recipe(session.as_mut(), &tasks, begins_anew, sequence)?;
        Ok(Prepared { recipe, _exchanged: exchanged })
    }

    /// Has it run. After an error that may pass, the same may be run again: it is done once.
    pub fn run(&self, prepared: &Prepared) -> Result<Receipt, BuildError> {
        Ok(self.warehouse.run(&prepared.recipe)?)
    }

    fn recipe(
        &self,
        session: &mut dyn Session,
        tasks: &[Task],
        begins_anew: bool,
        sequence: i64,
    ) -> Result<(Recipe, Vec<ExchangedRows>), BuildError> {
        let mut known = Known {
            snapshot: self.snapshot.clone(),
            begins_anew,
            // A history is built in one window.
            cut: tasks.first().map_or(Ok(None), |task| cut(session, self.node, task.window))?,
            exchanged: Vec::new(),
            sequence,
            fence: self.fence.clone(),
            raw: Arc::clone(self.raw),
        };
        let mut exchanged = Vec::new();
        if let Some(outside) = self.outside.filter(|outside| outside.takes(self.node)) {
            for task in tasks {
                if task.is_empty() {
                    known.exchanged.push(None);
                    continue;
                }
                let (cut, calendar) = (known.cut.clone(), &task.calendar);
                let bound = select::bound(self.node, task.window, calendar, cut)
                    .map_err(RecipeError::Bind)?;
                let of = (self.node, task.window);
                let rows = outside
                    .rows(self.warehouse, session, of, &bound.text)
                    .map_err(BuildError::Outside)?;
                let (text, sha256) = (rows.select.clone(), rows.sha256.clone());
                known.exchanged.push(Some(BoundSelect { text, sha256 }));
                exchanged.push(rows);
            }
        }
        Ok((recipe::recipe(self.node, self.warehouse.dialect(), tasks, &known)?, exchanged))
    }
}

/// `@cut` of a history for a window, see [`cut_query`]. Other tables have none.
pub fn cut(
    session: &mut dyn Session,
    node: &Node,
    window: Window,
) -> Result<Option<Literal>, PortError> {
    let Some(query) = cut_query(node, window) else { return Ok(None) };
    let micros = session.query(&query)?.count()?;
    Ok(Some(Literal::Timestamp(MicrosUtc(micros))))
}
