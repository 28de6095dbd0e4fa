//! The folder of a failure: all that it takes to look at it, and to repeat it.
//!
//! | file | what it holds |
//! |---|---|
//! | `messages.ndjson` | the messages, a line each, as `lakebed sim` writes them, with what they mean |
//! | `schedule.json` | both runs: what landed in which file, what was built in what order |
//! | `difference.json` | the first wrong table, and the rows that differ |
//! | `<table>.reference.csv`, `<table>.variation.csv` | that table in both runs |
//! | `payloads/<source>.<load date>.ndjson` | the payloads alone, for `lakebed ingest --arrived` |

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sim::{Limits, Meaning, MicrosUtc, Source};

use super::{
    Failure, Property, VerifyError,
    check::Problem,
    compare::{Difference, Pair, Row},
    message::{Sent, Side},
    trial::{Schedule, Trial},
};
use crate::{clock, contract::TableName};

const MESSAGES: &str = "messages.ndjson";
const SCHEDULE: &str = "schedule.json";
const DIFFERENCE: &str = "difference.json";

/// A message as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    message_id: String,
    source: Source,
    #[serde(rename = "in")]
    side: Side,
    arrived_at: String,
    sent_at: String,
    lane: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    meaning: Meaning,
}

/// `schedule.json`
#[derive(Debug, Serialize, Deserialize)]
struct ScheduleFile {
    property: Property,
    about: String,
    seed: u64,
    max_lateness_days: i32,
    max_skew_days: i32,
    tables: BTreeSet<TableName>,
    reference: Schedule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variation: Option<Schedule>,
}

/// A trial that was read from a folder.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The trial.
    pub trial: Trial,
    /// The tables that it is about.
    pub tables: BTreeSet<TableName>,
}

/// The name of a failure's folder.
pub fn name(failure: &Failure) -> String {
    format!("{}-{}", failure.property, failure.seed)
}

/// Writes a failure. What is in the folder of an earlier one is replaced.
pub fn write(failure: &Failure, folder: &Path) -> Result<(), VerifyError> {
    make_empty(folder).map_err(|error| broken(folder, error))?;
    write_trial(failure, folder)?;
    put(folder, DIFFERENCE, (pretty(&failure.failing.problem) + "\n").as_bytes())?;
    if let Problem::Differs(difference) = &failure.failing.problem {
        write_tables(difference, folder)?;
    }
    write_payloads(&failure.failing.trial, folder)
}

/// Writes only what it takes to repeat a failure, into a folder that is there.
pub fn write_trial(failure: &Failure, folder: &Path) -> Result<(), VerifyError> {
    let trial = &failure.failing.trial;
    let lines: Vec<String> = trial.messages.iter().map(|sent| to_json(&Line::of(sent))).collect();
    put(folder, MESSAGES, (lines.join("\n") + "\n").as_bytes())?;
    let schedule = ScheduleFile {
        property: trial.property,
        about: trial.property.about().to_owned(),
        seed: trial.seed,
        max_lateness_days: trial.limits.max_lateness_days,
        max_skew_days: trial.limits.max_skew_days,
        tables: failure.tables.clone(),
        reference: trial.reference.clone(),
        variation: trial.variation.clone(),
    };
    put(folder, SCHEDULE, (pretty(&schedule) + "\n").as_bytes())
}

/// Reads a folder that [`write()`] wrote.
pub fn read(folder: &Path) -> Result<Repeat, VerifyError> {
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| broken(&path, error))
    };
    let schedule: ScheduleFile = serde_json::from_str(&text(SCHEDULE)?)
        .map_err(|error| broken(&folder.join(SCHEDULE), error))?;
    let path = folder.join(MESSAGES);
    let mut messages = Vec::new();
    for (place, line) in text(MESSAGES)?.lines().enumerate() {
        let wrong = |problem: String| VerifyError::Folder {
            path: path.display().to_string(),
            problem: format!("line {}: {problem}", place + 1),
        };
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        messages.push(line.read().map_err(|problem| wrong(problem.to_owned()))?);
    }
    let limits = Limits {
        max_lateness_days: schedule.max_lateness_days,
        max_skew_days: schedule.max_skew_days,
    };
    let trial = Trial {
        property: schedule.property,
        seed: schedule.seed,
        limits,
        messages,
        reference: schedule.reference,
        variation: schedule.variation,
    };
    // Lines may have been taken out of the file.
    let ids = trial.message_ids();
    let trial = trial.with_only(&ids.iter().map(String::as_str).collect());
    Ok(Repeat { trial, tables: schedule.tables })
}

impl Line {
    fn of(sent: &Sent) -> Self {
        let text = std::str::from_utf8(&sent.payload).ok();
        Self {
            message_id: sent.message_id.clone(),
            source: sent.source,
            side: sent.side,
            arrived_at: sent.arrived_at.to_rfc3339(),
            sent_at: sent.sent_at.to_rfc3339(),
            lane: sent.lane,
            payload: text.map(str::to_owned),
            payload_base64: text.is_none().then(|| STANDARD.encode(&sent.payload)),
            meaning: sent.meaning.clone(),
        }
    }

    fn read(self) -> Result<Sent, &'static str> {
        let instant = |text: &str| {
            let micros = clock::MicrosUtc::parse_rfc3339(text);
            micros.map(|at| MicrosUtc(at.0)).ok_or("a time is not RFC 3339")
        };
        let payload = match (self.payload, self.payload_base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => {
                STANDARD.decode(text).map_err(|_| "`payload_base64` is not base64")?
            }
            _ => return Err("a message has either `payload` or `payload_base64`"),
        };
        Ok(Sent {
            arrived_at: instant(&self.arrived_at)?,
            sent_at: instant(&self.sent_at)?,
            message_id: self.message_id,
            source: self.source,
            lane: self.lane,
            payload,
            meaning: self.meaning,
            side: self.side,
        })
    }
}

fn write_tables(difference: &Difference, folder: &Path) -> Result<(), VerifyError> {
    for (name, side) in [("reference", Side::Reference), ("variation", Side::Variation)] {
        let row = |pair| Pair::row(pair, side);
        let mut rows: Vec<&Row> = difference.pairs.iter().filter_map(row).collect();
        rows.extend(&difference.same);
        rows.sort();
        let name = format!("{}.{name}.csv", difference.table);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| broken(&folder.join(&name), error);
        writer.write_record(&difference.columns).map_err(failed)?;
        for row in rows {
            let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL"));
            writer.write_record(cells).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| broken(&folder.join(&name), error))?;
        put(folder, &name, &bytes)?;
    }
    Ok(())
}

fn write_payloads(trial: &Trial, folder: &Path) -> Result<(), VerifyError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for sent in trial.messages_of(Side::Variation) {
        let name = format!("payloads/{}.{}.ndjson", sent.source.name(), sent.load_date());
        let file = files.entry(name).or_default();
        file.extend_from_slice(&sent.payload);
        file.push(b'\n');
    }
    files.iter().try_for_each(|(name, bytes)| put(folder, name, bytes))
}

fn make_empty(folder: &Path) -> io::Result<()> {
    // Only what a failure's folder has is taken away, should somebody name another one.
    for name in [MESSAGES, SCHEDULE, DIFFERENCE] {
        remove(&folder.join(name))?;
    }
    if let Ok(entries) = fs::read_dir(folder) {
        for path in entries.map(|entry| entry.map(|entry| entry.path())) {
            let path = path?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".reference.csv") || name.ends_with(".variation.csv") {
                remove(&path)?;
            }
        }
    }
    let payloads = folder.join("payloads");
    if payloads.is_dir() {
        fs::remove_dir_all(&payloads)?;
    }
    fs::create_dir_all(payloads)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), VerifyError> {
    let path: PathBuf = folder.join(name);
    fs::write(&path, bytes).map_err(|error| broken(&path, error))
}

fn broken(path: &Path, error: impl std::fmt::Display) -> VerifyError {
    VerifyError::Folder { path: path.display().to_string(), problem: error.to_string() }
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data is JSON")
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain data is JSON")
}
