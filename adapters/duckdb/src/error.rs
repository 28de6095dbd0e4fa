//! What DuckDB says of a failure, as an error of the port.
//!
//! It gives text and nothing else, so here, and nowhere else, its English is read: which kind of failure
//! it is, where in the statement, and what a person can do.

use std::io;

use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{port_error::PortError, raw_store::error::DAMAGED_HINT};

const FULL_DISK_HINT: &str =
    "the disk is full: make room and run the same command again; what was committed stands";

const MEMORY_HINT: &str =
    "give it more by --memory-limit, or let it build one table at a time by --jobs 1";

/// A new database was not made.
pub fn not_made(place: &str, error: io::Error) -> PortError {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let made = PortError::new(ErrorKind::FixInput, format!("cannot create the warehouse {place}"))
        .with_source(error);
    if is_full { made.with_hint(FULL_DISK_HINT) } else { made }
}

/// A database was not opened.
pub fn not_opened(place: &str, error: &duckdb::Error) -> PortError {
    let said = error.to_string();
    if said.contains("Could not set lock") || said.contains("Conflicting lock") {
        let message = format!("another process uses the warehouse {place}");
        return PortError::new(ErrorKind::FixInput, message)
            .with_hint("wait for it or stop it, or give another folder to --data");
    }
    let hint = if is_about_room(&said) {
        FULL_DISK_HINT
    } else {
        "move the file away and run `lakebed build`: the raw layer has everything"
    };
    // Its own cause is a number.
    PortError::new(ErrorKind::FixInput, format!("cannot open the warehouse {place}"))
        .with_source(said)
        .with_hint(hint)
}

/// A statement was not run. DuckDB puts the place into its message:
/// `…\n\nLINE 3: select x\n               ^`.
pub fn of_statement(sql: &str, error: &duckdb::Error) -> PortError {
    let said = error.to_string();
    let kind = if said.contains("TransactionContext Error") || said.contains("Conflict on") {
        ErrorKind::Retry
    } else if said.contains("Out of Memory Error") {
        ErrorKind::ResourcesExceeded
    } else {
        ErrorKind::FixInput
    };
    let (message, place) = said.split_once("\n\nLINE ").unwrap_or((&said, ""));
    let error = PortError::new(kind, message.trim()).at(offset(sql, place));
    if is_about_room(message) {
        error.with_hint(FULL_DISK_HINT)
    } else if kind == ErrorKind::ResourcesExceeded {
        error.with_hint(MEMORY_HINT)
    } else if message.contains(".parquet") {
        // It names a file only where it could not read it.
        error.with_hint(DAMAGED_HINT)
    } else {
        error
    }
}

fn is_about_room(said: &str) -> bool {
    said.contains("No space left") || said.contains("Could not write all")
}

fn offset(sql: &str, place: &str) -> Option<usize> {
    let (number, rest) = place.split_once(": ")?;
    let line: usize = number.parse().ok()?;
    let shown = rest.lines().next()?;
    let caret = rest.lines().nth(1)?.find('^')?;
    let prefix = "LINE : ".len() + number.len();
    let column = caret.checked_sub(prefix)?;
    let start: usize = sql.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let text = sql.get(start..)?.lines().next()?;
    // A long line is shown in part, with `...` before it.
    let cut = shown.strip_prefix("...").map_or(0, |part| {
        let part = part.trim_end_matches("...");
        text.find(part).map_or(0, |at| at.saturating_sub(3))
    });
    let at = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    Some(start + cut + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &str) -> PortError {
        let code = duckdb::ffi::Error::new(1);
        of_statement("select 1", &duckdb::Error::DuckDBFailure(code, Some(said.to_owned())))
    }

    #[test]
    fn what_a_person_can_do_is_said() {
        let full = "IO Error: Could not write file \"w.duckdb\": No space left on device";
        assert_eq!(of(full).hint(), Some(FULL_DISK_HINT));
        let short = "Invalid Input Error: File 'raw/x/1.parquet' too small to be a Parquet file";
        assert_eq!(of(short).hint(), Some(DAMAGED_HINT));
        assert_eq!(of("Binder Error: there is no column x").hint(), None);
    }

    #[test]
    fn a_conflict_passes() {
        let conflict = of("TransactionContext Error: Conflict on update!");
        assert_eq!(conflict.kind(), ErrorKind::Retry);
        assert_eq!(of("Parser Error: syntax error").kind(), ErrorKind::FixInput);
    }
}
