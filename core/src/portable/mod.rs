//! The portable subset: what DuckDB and GoogleSQL read and mean alike, and the narrower part of it
//! that Spark shares.
//!
//! It is defined here once. From it come the checker (`check`), `docs/portable-sql.md`
//! (`document`), and the inputs of the conformance tests (`functions.toml`). Not for: judging a
//! query. No I/O.

pub mod constructs;
pub mod forms;
pub mod functions;
pub mod operators;
pub mod reserved;
pub mod types;
