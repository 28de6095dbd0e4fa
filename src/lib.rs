//! lakebed: a company's whole event pipeline on a laptop, and the same SQL on Google Cloud.
//!
//! `ARCHITECTURE.md` has the map of the modules and what must stay true of them.

pub mod cli;
pub mod commands;

pub use lakebed_core::{
    check, contract, cost, diagnostic, dialect, digest, error_kind, graph, growth, ledger, payload,
    plan, portable, prelude, project, query, recipe, rules, scaffold, sql, suggest, target,
};
pub use lakebed_pipeline::{
    archiver, builder, data_folder, event_files, explain, gateway, grade, ingest, parts, phones,
    pipeline, rejections, sizes, stop, verify,
};
pub use lakebed_ports::{bus, clock, crash, engine, port_error, raw_store, warehouse};

/// DuckDB's too: to plan a statement it allocates many thousands of small things, which takes a
/// quarter longer with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
