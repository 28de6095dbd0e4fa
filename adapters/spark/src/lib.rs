//! Spark in local mode, as an engine beside the warehouse.
//!
//! `driver.py` holds a session and answers one line of JSON with another. It runs by the Python that
//! has `pyspark`, found as Spark's own programs find it: `PYSPARK_DRIVER_PYTHON`, `PYSPARK_PYTHON`,
//! or `python3`; where `SPARK_HOME` is set, with the `pyspark` inside of it. Not for: a cluster.

use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use lakebed_core::{
    contract::EngineName, error_kind::ErrorKind, prelude::Prelude, recipe::RawObject,
};
use lakebed_ports::{
    engine::{Columns, Engine, EngineQuery, EngineRows, InputRows, InputTable},
    port_error::PortError,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

const DRIVER: &str = include_str!("driver.py");
/// What to do where Spark does not run a query.
const WITHOUT_HINT: &str = "`lakebed check` says what Spark does not share, and `--engine duckdb` runs it \
     without";
/// How much of what Spark wrote before it ended is shown.
const LAST_LINES_MAX: usize = 12;

/// Where Spark is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparkPlace {
    /// The Python that runs the driver.
    pub python: OsString,
    /// A Spark that is unpacked somewhere; else the one inside of Python's package.
    pub home: Option<PathBuf>,
}

impl SparkPlace {
    /// From the variables of an environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let python = set("PYSPARK_DRIVER_PYTHON").or_else(|| set("PYSPARK_PYTHON"));
        Self {
            python: python.unwrap_or_else(|| "python3".into()),
            home: set("SPARK_HOME").map(PathBuf::from),
        }
    }

    /// `SPARK_HOME/python` and the archives of what it needs.
    fn python_path(home: &Path) -> OsString {
        let python = home.join("python");
        let archives = fs::read_dir(python.join("lib")).into_iter().flatten().flatten();
        let mut path = python.into_os_string();
        for archive in archives.map(|entry| entry.path()) {
            if archive.extension().is_some_and(|extension| extension == "zip") {
                path.push(":");
                path.push(archive);
            }
        }
        path
    }
}

/// A session of Spark.
pub struct LocalSpark {
    worker: Mutex<Worker>,
}

impl LocalSpark {
    /// Starts Spark, which takes some ten seconds, and gives it the functions.
    pub fn start(place: &SparkPlace, prelude: &Prelude) -> Result<Self, PortError> {
        let mut worker = Worker::start(place)?;
        let statements: Vec<&str> = prelude.statements().iter().map(|s| s.text.as_str()).collect();
        worker.ask(&json!({"do": "prelude", "statements": statements}))?;
        Ok(Self { worker: Mutex::new(worker) })
    }
}

impl Engine for LocalSpark {
    fn name(&self) -> EngineName {
        EngineName::Spark
    }

    fn run(&self, query: &EngineQuery<'_>) -> Result<EngineRows, PortError> {
        // One query at a time: a query has all cores.
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let links = tempfile::tempdir_in(query.place).map_err(|error| {
            let message = format!("cannot give files to Spark in {}", query.place);
            PortError::new(ErrorKind::FixInput, message).with_source(error)
        })?;
        for input in query.inputs {
            let folder = folder_of(input, links.path())?;
            worker.ask(&json!({
                "do": "table", "name": input.name, "folder": folder, "columns": shown(&input.columns),
            }))?;
        }
        let answer = worker.ask(&json!({
            "do": "select", "sql": query.text, "columns": shown(query.columns),
            "folder": Path::new(query.place).join("result"),
        }))?;
        let Selected { files, sha256 } = serde_json::from_value(answer)
            .map_err(|error| PortError::new(ErrorKind::Bug, format!("Spark's driver: {error}")))?;
        Ok(EngineRows { files, sha256 })
    }
}

#[derive(Deserialize)]
struct Selected {
    files: Vec<String>,
    sha256: String,
}

/// `[["a", "INT64"]]`
fn shown(columns: &Columns) -> Value {
    json!(columns)
}

/// The folder of a table's rows. `None` if it has no files.
fn folder_of(input: &InputTable, links: &Path) -> Result<Option<PathBuf>, PortError> {
    match &input.rows {
        InputRows::Place(folder) => Ok(Some(folder.into())),
        InputRows::Files(files) if files.is_empty() => Ok(None),
        InputRows::Files(files) => linked(files, &links.join(input.name.as_str())).map(Some),
    }
}

/// A folder with these files and no others: Spark reads folders.
fn linked(files: &[RawObject], folder: &Path) -> Result<PathBuf, PortError> {
    for file in files {
        let link = folder.join(&file.name);
        let made = link.parent().map_or(Ok(()), fs::create_dir_all);
        // Files are never changed, so that a second name is as good as a copy.
        let linked = made.and_then(|()| {
            fs::hard_link(&file.locator, &link)
                .or_else(|_| fs::copy(&file.locator, &link).map(|_| ()))
        });
        linked.map_err(|error| {
            let message = format!("cannot give {} to Spark: {error}", file.locator);
            PortError::new(ErrorKind::FixInput, message)
        })?;
    }
    Ok(folder.to_path_buf())
}

/// The driver's process.
struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Where it runs: it leaves files where it is.
    folder: TempDir,
}

impl Worker {
    fn start(place: &SparkPlace) -> Result<Self, PortError> {
        let python = place.python.display();
        let failed = |error: io::Error| {
            PortError::new(ErrorKind::FixInput, format!("cannot start Spark by {python}: {error}"))
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let driver = folder.path().join("driver.py");
        fs::write(&driver, DRIVER).map_err(failed)?;
        let log = fs::File::create(log(&folder)).map_err(failed)?;
        let mut command = Command::new(&place.python);
        if let Some(home) = &place.home {
            command.env("SPARK_HOME", home).env("PYTHONPATH", SparkPlace::python_path(home));
        }
        let mut child = command
            .arg(&driver)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { child, requests, answers, folder })
    }

    fn ask(&mut self, request: &Value) -> Result<Value, PortError> {
        let mut line = String::new();
        let asked = writeln!(self.requests, "{request}");
        let answered = asked.and_then(|()| self.answers.read_line(&mut line));
        let answer = answered.ok().and_then(|_| serde_json::from_str::<Value>(&line).ok());
        let Some(answer) = answer else {
            return Err(
                PortError::new(ErrorKind::FixInput, self.last_words()).with_hint(WITHOUT_HINT)
            );
        };
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => {
                let refused = format!("Spark refuses it: {error}");
                Err(PortError::new(ErrorKind::FixInput, refused).with_hint(WITHOUT_HINT))
            }
            None => Ok(answer),
        }
    }

    /// What Spark said before it ended.
    fn last_words(&self) -> String {
        let said = fs::read(log(&self.folder)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LAST_LINES_MAX);
        format!("Spark ended:\n{}", lines[last..].join("\n"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It keeps nothing that would be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("spark.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spark_is_where_its_own_variables_say() {
        let place = |set: &[(&str, &str)]| {
            let set: Vec<(String, OsString)> =
                set.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
            SparkPlace::from_environment(move |name| {
                set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        assert_eq!(place(&[]), SparkPlace { python: "python3".into(), home: None });
        let both = place(&[("PYSPARK_PYTHON", "a"), ("PYSPARK_DRIVER_PYTHON", "b")]);
        assert_eq!(both.python, "b");
        assert_eq!(place(&[("SPARK_HOME", "x"), ("PYSPARK_PYTHON", "")]).home, Some("x".into()));
    }

    #[test]
    fn a_program_that_is_no_spark_says_why() {
        let place = SparkPlace { python: "false".into(), home: None };
        let error = LocalSpark::start(&place, &Prelude::default()).err().expect("it ends at once");
        assert!(error.to_string().starts_with("Spark ended"), "{error}");
        let place = SparkPlace { python: "no-such-python".into(), home: None };
        let error = LocalSpark::start(&place, &Prelude::default()).err().expect("it is not there");
        assert!(error.to_string().contains("no-such-python"), "{error}");
    }
}
