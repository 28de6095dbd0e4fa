//! Builds stale partitions: statements, checks, the journal, and the order of it all.
//!
//! Each build of a window is one transaction: data, checks and journal together, so that a killed
//! process leaves either the old partition or the new one with its stamp. Not for: deciding what
//! is stale (`plan`).

pub mod checks;
mod executor;
pub mod journal;
pub mod select;
pub mod shape;
pub mod statements;
mod table;

pub use executor::{
    BuildEvent, BuildOptions, BuildReport, Executor, TableOutcome, TableReport, tasks,
};
pub use table::{BuildError, Built, TableBuilder, Task};
