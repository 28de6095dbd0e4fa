//! lakebed: a company's whole event pipeline on a laptop, and the same SQL on Google Cloud.
//!
//! `ARCHITECTURE.md` has the map of the modules and what must stay true of them.

pub mod build;
pub mod clock;
pub mod contract;
pub mod crash;
pub mod diagnostic;
pub mod digest;
pub mod error_kind;
pub mod graph;
pub mod plan;
pub mod prelude;
pub mod project;
pub mod sql;
pub mod warehouse;
