//! What a build sends, written into files that DuckDB's own programs can run.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lakebed_duckdb::CHECKPOINT_THRESHOLD;

use super::Failure;
use crate::{builder::BuildEvent, pipeline::Pipeline, prelude::Prelude};

/// The script of one build: `setup.sql`, and then `build.sql`.
pub struct Script {
    path: PathBuf,
    build: Mutex<Writing>,
}

struct Writing {
    file: BufWriter<File>,
    /// The first failure; what is written after it would have a hole.
    result: io::Result<()>,
}

impl Script {
    /// Begins the script of the build that comes next, in a folder that is empty or not there.
    pub fn begin(folder: &Path, pipeline: &Pipeline, prelude: &Prelude) -> Result<Self, Failure> {
        let failed = |error: io::Error| unwritable(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            let problem = format!("{} is not empty", folder.display());
            return Err(Failure::usage(problem)
                .hint("--emit-script writes into a new folder, so that no two builds are mixed"));
        }
        let mut setup = BufWriter::new(File::create(folder.join("setup.sql")).map_err(failed)?);
        let setting = format!("set checkpoint_threshold = '{CHECKPOINT_THRESHOLD}'");
        let definitions = pipeline.definitions(prelude);
        write(
            &mut setup,
            "what the build needs: functions, schemas, tables, and the raw objects that it reads",
            std::iter::once(setting.as_str()).chain(definitions.iter().map(String::as_str)),
        )
        .and_then(|()| setup.flush())
        .map_err(failed)?;
        let path = folder.join("build.sql");
        let file = BufWriter::new(File::create(&path).map_err(failed)?);
        Ok(Self { path, build: Mutex::new(Writing { file, result: Ok(()) }) })
    }

    /// Adds what was committed.
    pub fn add(&self, event: &BuildEvent<'_>) {
        let BuildEvent::Committed { of, sent } = event else { return };
        let mut writing = self.build.lock().unwrap_or_else(PoisonError::into_inner);
        if writing.result.is_ok() {
            writing.result = write(&mut writing.file, of, sent.iter().copied());
        }
    }

    /// Ends the script.
    pub fn finish(self) -> Result<(), Failure> {
        let mut writing = self.build.into_inner().unwrap_or_else(PoisonError::into_inner);
        writing
            .result
            .and_then(|()| writing.file.flush())
            .map_err(|error| unwritable(&self.path, &error))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
        .hint("--emit-script names a folder that can be written")
}

/// A query may end in a comment: the semicolon has its own line.
fn write<'a>(
    file: &mut impl Write,
    about: &str,
    statements: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    writeln!(file, "-- {about}\n")?;
    for statement in statements {
        writeln!(file, "{statement}\n;\n")?;
    }
    Ok(())
}
