//! What lakebed knows without touching the world: contracts, SQL, what queries mean, what is stale, and
//! which statements build it.
//!
//! It does no I/O, has no clock and no threads, and knows no engine: its dependencies are parsers and
//! formats. Whoever links it checks and plans a project without a warehouse.

pub mod check;
pub mod contract;
pub mod cost;
pub mod diagnostic;
pub mod dialect;
pub mod digest;
pub mod error_kind;
pub mod graph;
pub mod growth;
pub mod instant;
pub mod ledger;
pub mod payload;
pub mod plan;
pub mod portable;
pub mod prelude;
pub mod project;
pub mod query;
pub mod recipe;
pub mod rules;
pub mod scaffold;
pub mod sql;
pub mod suggest;
pub mod target;
