//! What lakebed asks of the world, as ports: buses, stores of objects, warehouses, engines; and what
//! adapters and those who call them share.
//!
//! Each port comes with the suite that every adapter of it must pass. Not for: adapters, which are
//! crates of their own.

pub mod bus;
pub mod clock;
pub mod crash;
pub mod engine;
pub mod port_error;
pub mod raw_store;
pub mod warehouse;

use lakebed_core::{contract, dialect, error_kind, graph, plan, recipe, sql};
