//! Whether a file's messages are older than their source accepts, told before they are taken in.

use jiff::ToSpan;
use serde_json::Value;

use super::{EventFile, EventFileError};
use crate::{
    clock::MicrosUtc,
    contract::{ColumnType, source::SourceContract},
    payload::{self, path, time},
};

/// Messages looked at, from the first on.
const SAMPLE_MESSAGE_COUNT: usize = 200;

/// Most of the messages looked at will be rejected as too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// Where they say when they happened, names separated by points.
    pub path: String,
    /// The earliest of what they say.
    pub earliest: MicrosUtc,
    /// How late a message may come.
    pub max_lateness_days: i64,
}

/// Looks at the first messages of a file that arrives at `arrived`. `None` if most are in time, if the
/// source refuses nothing that is late, or if nothing tells.
pub fn too_old(
    file: &EventFile,
    contract: &SourceContract,
    arrived: MicrosUtc,
) -> Result<Option<TooOld>, EventFileError> {
    let Some(&max_lateness_days) = contract.parameters.get("max_lateness_days") else {
        return Ok(None);
    };
    let sample: Vec<Value> = file
        .lines()?
        .take(SAMPLE_MESSAGE_COUNT)
        .filter_map(|line| line.map(|line| payload::read(&line).ok()).transpose())
        .collect::<Result<_, _>>()?;
    let Some(earliest_date) =
        arrived.date().map(|date| date.saturating_sub(max_lateness_days.days()))
    else {
        return Ok(None);
    };
    let is_old = |at: &&MicrosUtc| at.date().is_some_and(|date| date < earliest_date);
    let found = contract.fields.iter().find_map(|(name, field)| {
        let is_time = field.kind == ColumnType::Timestamp
            || (field.kind == ColumnType::Int64 && field.required);
        let places = field.places(name);
        let find = |value| places.iter().find_map(|place| path::find(value, place));
        let values: Vec<&Value> = sample.iter().filter_map(find).collect();
        let told: Vec<MicrosUtc> =
            values.iter().copied().filter_map(time::read_leniently).collect();
        let are_old = told.iter().filter(is_old).count() * 2 > sample.len();
        let earliest = *told.iter().min()?;
        (is_time && told.len() == values.len() && are_old).then(|| TooOld {
            path: places[0].to_owned(),
            earliest,
            max_lateness_days,
        })
    });
    Ok(found)
}
