//! The partition planner: which partitions are stale, why, and in which windows to build them.
//!
//! A node is (table, partition). It is fresh when the digest of its code and of the contents of its
//! inputs is the one that it was last built with. Everything here is a pure function of the graph
//! and of a `Snapshot` of what the warehouse holds. Not for: building (`builder`). No I/O.

pub mod ahead;
mod inputs;
mod planner;
mod reason;
pub mod snapshot;
mod stamp;
mod sums;
mod value;
pub mod window;

pub use planner::{Due, Planner, Selection, Stale, calendar};
pub use reason::{Anew, Reason};
pub use snapshot::{Content, Snapshot};
pub use stamp::{Stamp, StampedCode};
pub use value::{Plan, TablePlan};
