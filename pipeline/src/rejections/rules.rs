//! What the query of `standardized.<source>_checked` does with a payload: by which function it reads
//! each field, by which column it tells the time, and where it gives each reason.

use std::collections::BTreeMap;

use crate::{
    contract::{file::TableFile, source::SourceContract},
    sql::tokens::{TokenError, normalized},
};

/// How many tokens back from a field its function is looked for: `udf . safe_int64 ( event .`, and
/// perhaps a `nullif (` between.
const READER_DISTANCE: usize = 8;

/// The rules of a source, as its query has them.
#[derive(Debug, Default)]
pub struct Rules {
    readers: BTreeMap<String, String>,
    time_column: Option<String>,
    path: String,
    text: String,
}

impl Rules {
    /// Reads the query.
    pub fn of(file: &TableFile, contract: &SourceContract) -> Result<Self, TokenError> {
        let code = normalized(file.query())?;
        let words: Vec<&str> = code.split(' ').collect();
        let names = contract.fields.keys();
        let readers = names.filter_map(|name| Some((name.clone(), reader(&words, name)?)));
        let time_column = time_column(&words)
            .filter(|column| file.contract.columns.contains_key(*column))
            .map(str::to_owned);
        let (path, text) = (file.path.display().to_string(), file.text.to_string());
        Ok(Self { readers: readers.collect(), time_column, path, text })
    }

    /// The function without which a field's text is not what the table takes, if it has one, and what
    /// it reads, in words.
    pub fn reader(&self, field: &str) -> Option<(&str, &'static str)> {
        let function = self.readers.get(field)?;
        let kind = match function.as_str() {
            "safe_int64" => "an integer",
            "safe_float64" => "a number",
            "safe_bool" => "true or false",
            "safe_date" => "a date",
            "safe_timestamp" => "an instant in UTC",
            "safe_iso_timestamp" => "a time of ISO 8601",
            "safe_epoch_seconds" => "seconds since 1970",
            "safe_epoch_millis" => "milliseconds since 1970",
            "safe_epoch_micros" => "microseconds since 1970",
            _ => return None,
        };
        Some((function, kind))
    }

    /// The column that must not lie too far from the load date.
    pub fn time_column(&self) -> Option<&str> {
        self.time_column.as_deref()
    }

    /// The file and the line that give a reason.
    pub fn place(&self, reason: &str) -> Option<String> {
        // The contract, at the top, lists all reasons.
        let at = self.text.rfind(&format!("then '{reason}'"))?;
        let line = self.text[..at].matches('\n').count() + 1;
        Some(format!("{}:{line}", self.path))
    }
}

/// `udf . safe_int64 ( event . sequence )` reads `sequence` by `safe_int64`.
fn reader(words: &[&str], field: &str) -> Option<String> {
    let is_field = |at: &usize| words[*at] == field && words[at.saturating_sub(1)] == ".";
    let function_before = |at: usize| {
        let near = &words[at.saturating_sub(READER_DISTANCE)..at];
        let is_read = |three: &&[&str]| three[0] == "udf" && three[2].starts_with("safe_");
        near.windows(3).rev().find(is_read).map(|three| three[2].to_owned())
    };
    (0..words.len()).filter(is_field).find_map(function_before)
}

/// `date ( event_at ) < date_sub ( load_date` compares `event_at`, as `date ( x ) > date_add` does.
fn time_column<'a>(words: &[&'a str]) -> Option<&'a str> {
    words.windows(8).find_map(|words| match words {
        ["date", "(", column, ")", "<", "date_sub", "(", "load_date"]
        | ["date", "(", column, ")", ">", "date_add", "(", "load_date"] => Some(*column),
        _ => None,
    })
}
