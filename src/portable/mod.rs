//! The portable subset of SQL: what the engines mean alike.

pub mod functions;
pub mod types;
