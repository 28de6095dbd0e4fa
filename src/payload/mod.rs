//! What payloads of a source look like: their fields, types and times, as far as values tell.
//!
//! Not for: what a contract says of them (`contract::source`), nor for parsing them in SQL
//! (`prelude`). No I/O.

pub mod drift;
pub mod name;
pub mod profile;
pub mod time;

use serde_json::Value;

/// The value at `path`, names separated by points, as in a source's contract.
pub fn at_path<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(payload, |value, name| value.get(name))
}
