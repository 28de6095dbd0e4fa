//! A command that failed: what to print, and the exit status.

use std::{error::Error, fmt, io, process::ExitCode};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use crate::{
    builder::BuildError,
    data_folder::{ClockError, DataFolderError},
    diagnostic::FileError,
    event_files::EventFileError,
    ingest::IngestError,
    pipeline::PipelineError,
    port_error::PortError,
    recipe::Refusal,
    warehouse::WarehouseError,
};

/// What to do about a raw object that cannot be read.
pub const DAMAGED_OBJECT_HINT: &str = "put back a good copy of it, or move it away and build with \
     --accept-removed: the tables then lack what only it had";

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    status: u8,
    report: Report,
}

#[derive(Debug)]
enum Report {
    /// The file, the line and the span.
    File(FileError),
    /// An error with its causes, and what to do.
    Chain { error: Box<dyn Error + Send + Sync>, hint: Option<String> },
    /// All was said already.
    Silent,
}

impl Failure {
    /// The data, a check or the machine failed. What an adapter says to do is said.
    pub fn data(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let hint = PortError::hint_in(error.as_ref()).or_else(|| full_disk_hint(error.as_ref()));
        let hint = hint.map(str::to_owned);
        Self { status: 1, report: Report::Chain { error, hint } }
    }

    /// What was asked for cannot be done as it was asked.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { status: 2, ..Self::data(error) }
    }

    /// The data failed, and what there is to say was said.
    pub fn said() -> Self {
        Self { status: 1, report: Report::Silent }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, text: impl fmt::Display) -> Self {
        if let Report::Chain { hint, .. } = &mut self.report {
            *hint = Some(text.to_string());
        }
        self
    }

    /// `error`, `because`, `hint`; of an error in a file also `report`, with the lines around it.
    fn to_json(&self) -> Option<serde_json::Value> {
        match &self.report {
            Report::File(error) => Some(json!({
                "error": error.to_string(),
                "hint": error.help().map(|help| help.to_string()),
                "report": report(error),
            })),
            Report::Chain { error, hint } => Some(json!({
                "error": error.to_string(),
                "because": causes(error.as_ref()),
                "hint": hint,
            })),
            Report::Silent => None,
        }
    }

    /// Prints to stderr, as one JSON object if scripts read, and gives the exit status.
    pub fn print(self, is_json: bool) -> ExitCode {
        if is_json && let Some(json) = self.to_json() {
            eprintln!("{json}");
            return ExitCode::from(self.status);
        }
        match self.report {
            Report::File(error) => eprintln!("{:?}", miette::Report::new(error)),
            Report::Chain { error, hint } => {
                eprintln!("error: {error}");
                for cause in causes(error.as_ref()) {
                    eprintln!("  because {cause}");
                }
                if let Some(hint) = hint {
                    eprintln!("hint: {hint}");
                }
            }
            Report::Silent => {}
        }
        ExitCode::from(self.status)
    }
}

/// The lines around the place, without colours.
fn report(error: &FileError) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none());
    let mut text = String::new();
    match handler.render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => error.to_string(),
    }
}

/// Why, and why that, each once.
fn causes(error: &(dyn Error + Send + Sync)) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if text != said {
            causes.push(text.clone());
        }
        said = text;
        cause = error.source();
    }
    causes
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self { status: 2, report: Report::File(error) }
    }
}

impl From<lakebed_files::ReadError> for Failure {
    fn from(error: lakebed_files::ReadError) -> Self {
        Self::usage(error).hint("give a folder that has `layers/` to --project, or leave it out")
    }
}

impl From<DataFolderError> for Failure {
    fn from(error: DataFolderError) -> Self {
        Self::data(error).hint("give another folder to --data")
    }
}

impl From<ClockError> for Failure {
    fn from(error: ClockError) -> Self {
        match error {
            ClockError::Folder(error) => error.into(),
            other @ ClockError::Other { .. } => {
                Self::usage(other).hint("give another folder to --data")
            }
        }
    }
}

impl From<EventFileError> for Failure {
    fn from(error: EventFileError) -> Self {
        let hint = match &error {
            EventFileError::Read { .. } => "name files that can be read; `-` is stdin",
            EventFileError::Foreign { foreign, file }
            | EventFileError::NoTime { foreign: Some(foreign), file, .. } => {
                let hint = foreign.hint(file);
                return Self::usage(error).hint(hint);
            }
            EventFileError::BrokenGzip { file, .. } => {
                let hint = format!(
                    "copy the file again; or take what there is: `gzip -dc {file} > events.ndjson`"
                );
                return Self::usage(error).hint(hint);
            }
            EventFileError::Unclosed { .. } => "copy the file again, or mend its end",
            EventFileError::NoTime { .. } => {
                "give the field that says when it happened to --backfill, such as `created_at` or \
                 `meta.at`; or leave --backfill out, and all arrive now"
            }
            EventFileError::Record { .. } => {
                "if the file is damaged, delete it: its messages are then sent once more"
            }
            _ => return Self::data(error),
        };
        match &error {
            EventFileError::Record { .. } => Self::data(error).hint(hint),
            _ => Self::usage(error).hint(hint),
        }
    }
}

impl From<WarehouseError> for Failure {
    fn from(error: WarehouseError) -> Self {
        let hint = warehouse_hint(&error.to_string());
        let failure = Self::data(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::data(error)
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::OtherSimulation { .. } => {
                Self::usage(error).hint("give another folder to --data, or delete this one")
            }
            IngestError::Damaged { .. } => Self::data(error)
                .hint("give another folder to --data, or delete this one and run again"),
            other => Self::data(other),
        }
    }
}

impl From<PipelineError> for Failure {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::File(error) => error.into(),
            PipelineError::Warehouse(error) => error.into(),
            PipelineError::ObjectsRemoved { .. } => Self::data(error).hint(
                "put them back, or build with --accept-removed: the tables then forget what only they had",
            ),
            PipelineError::UnknownSources { .. } => Self::usage(error).hint(
                "is it another project's data? Give that project to --project, or another folder to \
                 --data. If the sources were taken out of the project, --accept-removed forgets them",
            ),
            PipelineError::MisplacedObject { .. } => Self::data(error)
                .hint("move it out of the data folder's raw/: only the archiver writes there"),
            other @ PipelineError::RawStore(_) => Self::data(other),
        }
    }
}

/// What to do about a build that failed, if the reason tells.
pub fn build_hint(error: &BuildError) -> Option<String> {
    if error.exceeds_resources() {
        let hint = "the old rows stand; give it more by --memory-limit, or let it build one table at a \
             time by --jobs 1";
        return Some(hint.to_owned());
    }
    match error {
        BuildError::Statement(error) => warehouse_hint(&error.to_string()),
        BuildError::Outside(_) => Some(
            "the old rows stand; `lakebed check` says what Spark does not share, and \
             `--engine duckdb` runs it without"
                .to_owned(),
        ),
        BuildError::Refused(Refusal::Promises(_)) => {
            Some("the old rows stand; mend the query or the contract, then build again".to_owned())
        }
        BuildError::Refused(Refusal::OutsideWindow { column, .. }) => Some(format!(
            "the old rows stand; filter the query by `{column} between @from_date and @to_date`"
        )),
        BuildError::Seed(_) => {
            Some("the old rows stand; mend the CSV, then build again".to_owned())
        }
    }
}

/// What to do where a file cannot be written for want of room.
fn full_disk_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let is_full = |error: &(dyn Error + 'static)| {
        error.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        })
    };
    std::iter::successors(Some(error), |error| (**error).source())
        .any(is_full)
        .then_some("make room on the disk, then start again")
}

/// What to do about an error of the engine, if its words tell.
fn warehouse_hint(said: &str) -> Option<String> {
    let is_disk_full = said.contains("No space left") || said.contains("Could not write all");
    if is_disk_full {
        return Some(
            "the disk is full: make room and run the same command again; what was committed stands"
                .to_owned(),
        );
    }
    if said.starts_with("cannot open the warehouse") {
        return Some(
            "move the file away and run `lakebed build`: the raw layer has everything".to_owned(),
        );
    }
    said.contains(".parquet").then(|| DAMAGED_OBJECT_HINT.to_owned())
}
