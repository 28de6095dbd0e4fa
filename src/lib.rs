//! lakebed: a company's whole event pipeline on a laptop, and the same SQL on Google Cloud.
//!
//! `ARCHITECTURE.md` has the map of the modules and what must stay true of them.

pub mod archiver;
pub mod builder;
pub mod bus;
pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod contract;
pub mod crash;
pub mod data_folder;
pub mod diagnostic;
pub mod dialect;
pub mod digest;
pub mod engine;
pub mod error_kind;
pub mod event_files;
pub mod explain;
pub mod gateway;
pub mod grade;
pub mod graph;
pub mod ingest;
pub mod parts;
pub mod payload;
pub mod phones;
pub mod pipeline;
pub mod plan;
pub mod port_error;
pub mod portable;
pub mod prelude;
pub mod project;
pub mod raw_store;
pub mod recipe;
pub mod rejections;
pub mod scaffold;
pub mod sql;
pub mod stop;
pub mod suggest;
pub mod verify;
pub mod warehouse;

/// DuckDB's too: to plan a statement it allocates many thousands of small things, which takes a
/// quarter longer with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
