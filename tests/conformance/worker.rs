//! A Python process that answers one line of JSON with another, kept warm: engines start slowly.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// Another engine behind a pipe.
pub struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts `python script argument…`. The scripts say what they answer.
    pub fn start(python: &Path, script: &str, arguments: &[&Path]) -> Self {
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, requests, answers }
    }

    /// Asks; `Err` is what the engine said of a statement that it does not accept.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").expect("the worker reads as long as it lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the worker writes UTF-8");
        let answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the worker died (see above): {error}: {line:?}"));
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
