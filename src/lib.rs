//! lakebed.

pub mod archiver;
pub mod bus;
pub mod clock;
pub mod crash;
pub mod error_kind;
pub mod gateway;
pub mod phones;
pub mod raw_store;
