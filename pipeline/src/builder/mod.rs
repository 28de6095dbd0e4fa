//! Builds stale partitions: what is built when, each by its recipe, and what the journal knows of it.
//!
//! Each build of a window is one transaction: data and journal together, so that a killed process
//! leaves either the old partition or the new one with its stamp. Not for: deciding what is stale
//! (`plan`), nor for the statements of a build (`recipe`).

pub mod conformance;
mod executor;
pub mod journal;
#[cfg(test)]
pub(crate) mod narrow_warehouse;
pub mod shape;
mod table;
#[cfg(test)]
pub(crate) mod weak_warehouse;

pub use crate::recipe::tasks;
pub use executor::{
    ATTEMPTS_MAX, BuildEvent, BuildOptions, BuildReport, Executor, TableOutcome, TableReport,
};
pub use table::{BuildError, Prepared, TableBuilder, cut};
