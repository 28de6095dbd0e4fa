//! What lakebed does, over ports: takes messages in, archives them, builds tables, explains and
//! judges them.
//!
//! It names no adapter; the program hands them over. Not for: what can be known without touching the
//! world (`lakebed_core`).

pub mod archiver;
pub mod builder;
#[cfg(test)]
mod crash_test;
pub mod data_folder;
pub mod event_files;
pub mod explain;
pub mod gateway;
pub mod grade;
pub mod ingest;
pub mod parts;
pub mod phones;
pub mod pipeline;
pub mod rejections;
pub mod sizes;
pub mod stop;
pub mod verify;

use lakebed_core::{
    check, contract, diagnostic, dialect, digest, error_kind, graph, instant, ledger, payload,
    plan, portable, prelude, project, query, recipe, rules, sql,
};
use lakebed_ports::{bus, clock, crash, engine, port_error, raw_store, warehouse};
