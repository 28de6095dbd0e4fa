//! A build as a value: every statement that it sends, in order, before the first is sent.
//!
//! A recipe is made by a pure function of a table, its windows and what is known of both. What must be
//! found out (the new rows, whether they keep the contract's promises, what they are by hash and
//! count) happens in `prepare`, outside of any transaction; `commit` is one transaction of deletes,
//! inserts and merges, and of the journal's rows, with nothing left to decide. So one value can be
//! sent to an embedded engine statement by statement, to a cloud as one script, written into a file,
//! and read by whoever wants to know what a build does. Not for: sending it (`warehouse`), nor for
//! choosing what to build (`plan`, `builder`). No I/O.

pub mod aside;
mod fence;
mod kinds;
mod measure;
mod note;
pub mod promises;
pub mod raw;
pub mod select;
pub mod statements;
mod tasks;

use crate::{
    contract::TableName,
    plan::{Snapshot, Stamp, snapshot::Partition, window::Window},
    sql::bind::Parameters,
};

pub use fence::{CLAIMS, Fence, NEXT_EPOCH};
pub use kinds::{Known, RecipeError, recipe, windows};
pub use measure::{Measured, UnreadableRow};
pub use note::{Entry, inserts};
pub use promises::CheckFailure;
pub use raw::{RawObject, RawObjects};
pub use select::BoundSelect;
pub use tasks::tasks;

/// A window to build, with the stamps that its partitions get.
#[derive(Clone, Debug)]
pub struct Task {
    /// Adjacent partitions.
    pub window: Window,
    /// One for each.
    pub stamps: Vec<(Partition, Stamp)>,
    /// Values of the calendar's parameters.
    pub calendar: Parameters,
}

impl Task {
    /// Whether the inputs have no rows in reach: what the window holds goes, and nothing is read.
    pub fn is_empty(&self) -> bool {
        self.stamps.iter().all(|(_, stamp)| stamp.fingerprint.is_none())
    }

    /// The same in windows of no more than so many partitions.
    pub fn cut(&self, partition_count_max: usize) -> impl Iterator<Item = Self> {
        self.stamps.chunks(partition_count_max.max(1)).map(|stamps| Self {
            window: match (self.window, stamps) {
                (Window::Dates { .. }, [(Some(from), _), .., (Some(to), _)]) => {
                    Window::Dates { from: *from, to: *to }
                }
                (Window::Dates { .. }, [(date, _)]) => Window::of(*date),
                (window, _) => window,
            },
            stamps: stamps.to_vec(),
            calendar: self.calendar.clone(),
        })
    }
}

/// Everything that a build of one table sends.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The table.
    pub table: TableName,
    /// Outside of a transaction, in order.
    pub prepare: Vec<Step>,
    /// Within one, in order: first the fence; the journal's rows come after these.
    pub commit: Vec<Step>,
    /// After it, outside of any transaction. Whoever opens the warehouse next does what was cut short.
    pub finish: Vec<Step>,
    /// Temporary tables to be dropped after all.
    pub kept: Vec<String>,
    /// What the journal is told of each window.
    parts: Vec<Part>,
    /// Whether the table begins anew.
    begins_anew: bool,
    /// What the partitions held before.
    before: Snapshot,
    is_history: bool,
    /// The column that says in which window a row belongs.
    window_column: String,
    /// The journal's first sequence number.
    sequence: i64,
    /// By what the run may write.
    fence: Fence,
}

impl Recipe {
    /// Only tells the journal something of a table, and then does the rest.
    pub fn of_notes(
        table: TableName,
        (notes, finish): (Vec<String>, Vec<Step>),
        sequence: i64,
        fence: &Fence,
    ) -> Self {
        let notes = notes.into_iter().map(|sql| Step::Note { sql });
        Self {
            table,
            prepare: Vec::new(),
            commit: std::iter::once(Step::Fence { sql: fence.statement() }).chain(notes).collect(),
            finish,
            kept: Vec::new(),
            parts: Vec::new(),
            begins_anew: false,
            window_column: String::new(),
            sequence,
            fence: fence.clone(),
            before: Snapshot::default(),
            is_history: false,
        }
    }

    /// By what the run may write.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The windows that it builds.
    pub fn windows(&self) -> impl Iterator<Item = Window> + '_ {
        self.parts.iter().map(|part| part.window)
    }

    /// Names what is done by it: the run, the table and the journal's sequence number, which a run gives to one
    /// build of one window. Letters, digits, `_` and `-`, as names of jobs in a cloud are.
    pub fn job_name(&self) -> String {
        let name = format!("{}-{}-{}", self.fence.run_id, self.table, self.sequence);
        name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_")
    }
}

/// One statement of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Has `raw.<source>` mean these raw objects, until the session ends.
    Pin {
        /// The statement.
        sql: String,
    },
    /// Sets rows aside in a temporary table.
    Keep {
        /// `create or replace temp table new_rows as …`
        sql: String,
    },
    /// Asks what rows are there: their hash and count by partition, and how many break a promise.
    Measure {
        /// The position of the window among the recipe's.
        part: usize,
        /// Which rows.
        side: Side,
        /// The query.
        sql: String,
    },
    /// Makes a view. It holds no rows, so that nobody sees it half made.
    View {
        /// `create or replace view …`
        sql: String,
    },
    /// Makes a table, drops it, or puts one in place of another.
    Define {
        /// The statement.
        sql: String,
    },
    /// Fails if a later run may write.
    Fence {
        /// `select case when … then error(…) …`
        sql: String,
    },
    /// Removes rows.
    Delete {
        /// The statement.
        sql: String,
    },
    /// Adds the rows that were set aside.
    Insert {
        /// The statement.
        sql: String,
    },
    /// Merges the rows that were set aside.
    Merge {
        /// The statement.
        sql: String,
    },
    /// Tells the journal something that is known without a measurement.
    Note {
        /// The statement.
        sql: String,
    },
}

impl Step {
    /// The text.
    pub fn sql(&self) -> &str {
        match self {
            Self::Pin { sql }
            | Self::Keep { sql }
            | Self::Measure { sql, .. }
            | Self::View { sql }
            | Self::Define { sql }
            | Self::Fence { sql }
            | Self::Delete { sql }
            | Self::Insert { sql }
            | Self::Merge { sql }
            | Self::Note { sql } => sql,
        }
    }
}

/// Which rows are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that are there and go.
    Old,
    /// Those that come.
    New,
}

/// One window of a recipe.
#[derive(Clone, Debug)]
struct Part {
    window: Window,
    stamps: Vec<(Partition, Stamp)>,
    promises: Vec<promises::Promise>,
    /// What contents the window has once it is built.
    contents: Contents,
    /// What the columns of the measurement of the new rows are.
    columns: measure::Columns,
    /// SHA-256 of the SELECT, as its engine got it.
    select_sha256: String,
}

/// How the contents of partitions follow from what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    /// The window's partitions hold the new rows and no others.
    Replaced,
    /// The old rows are taken away from what the partitions held, the new ones are added.
    Moved,
    /// Which partitions a merge changes is not known without reading the table: what it was made
    /// of stands for its contents.
    StoodFor,
    /// A view has none.
    None,
}

/// Why the rows that a build made are not committed. The old rows stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The new rows break the contract.
    #[error("the new rows break the contract: {}", promises::describe(.0))]
    Promises(Vec<CheckFailure>),
    /// The query returns rows that the build does not replace: they would be there again and again.
    #[error("{row_count} rows are outside of the window {window} by `{column}`")]
    OutsideWindow {
        /// How many.
        row_count: i64,
        /// What was built.
        window: Window,
        /// The column that says where a row belongs.
        column: String,
    },
}

/// What a build of one window changed.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// What was written to the journal.
    pub entry: Entry,
    /// Rows written.
    pub row_count: i64,
    /// Checks of severity `warn` that did not hold.
    pub warnings: Vec<CheckFailure>,
}

impl Built {
    /// Brings a snapshot to what the warehouse now holds.
    pub fn apply(&self, table: &TableName, snapshot: &mut Snapshot) {
        if self.entry.is_reset {
            snapshot.forget(table);
        }
        let stamps = snapshot.stamps.entry(table.clone()).or_default();
        stamps.extend(self.entry.stamps.iter().cloned());
        for (partition, content) in &self.entry.contents {
            snapshot.set_content(table, *partition, *content);
        }
        let occupied = snapshot.occupied.entry(table.clone()).or_default();
        for (load, from, to) in &self.entry.occupied {
            occupied.insert(*load, (*from, *to));
        }
    }
}
