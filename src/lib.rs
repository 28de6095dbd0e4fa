//! lakebed: a company's whole event pipeline on a laptop, and the same SQL on Google Cloud.
//!
//! `ARCHITECTURE.md` has the map of the modules and what must stay true of them.

pub mod archiver;
pub mod builder;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod crash;
pub mod data_folder;
pub mod engine;
pub mod event_files;
pub mod explain;
pub mod gateway;
pub mod grade;
pub mod ingest;
pub mod parts;
pub mod phones;
pub mod pipeline;
pub mod port_error;
pub mod raw_store;
pub mod rejections;
pub mod stop;
pub mod verify;
pub mod warehouse;

pub use lakebed_core::{
    check, contract, diagnostic, dialect, digest, error_kind, graph, payload, plan, portable,
    prelude, project, recipe, scaffold, sql, suggest,
};

/// DuckDB's too: to plan a statement it allocates many thousands of small things, which takes a
/// quarter longer with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
