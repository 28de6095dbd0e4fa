//! A Python process that answers one line of JSON with another, kept warm: engines start slowly.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// What the process says besides its answers, in its folder.
const LOG: &str = "worker.log";

/// Another engine behind a pipe.
pub struct Worker {
    child: Child,
    /// Engines leave files where they run; these go with the worker.
    folder: TempDir,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts `python script argument…`. The scripts say what they answer.
    pub fn start(python: &Path, script: &str, arguments: &[&Path]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join(LOG)).expect("a temporary file");
        let mut child = Command::new(python)
            .current_dir(&folder)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, folder, requests, answers }
    }

    /// Asks; `Err` is what the engine said of a statement that it does not accept.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        // One that has died answers nothing, and its log says why.
        let _ = writeln!(self.requests, "{request}");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the worker writes UTF-8");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let said = fs::read(self.folder.path().join(LOG)).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            panic!("the worker died: {error}: {line:?}\n{said}")
        });
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It keeps nothing that would be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
