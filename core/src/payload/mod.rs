//! What payloads of a source look like: their fields, types and times, as far as values tell.
//!
//! Not for: what a contract says of them (`contract::source`), nor for parsing them in SQL
//! (`prelude`). No I/O.

pub mod drift;
pub mod name;
pub mod path;
pub mod profile;
mod read;
pub mod time;

pub use read::read;
