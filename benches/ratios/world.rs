//! A project with its data, and the program over it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::CHECKOUT;

const LAKEBED: &str = env!("CARGO_BIN_EXE_lakebed");

/// A project with a scenario of its own, and its data.
pub struct World {
    folder: TempDir,
}

/// What a command took.
pub struct Took {
    pub stdout: String,
    pub seconds: f64,
    /// The most memory that it held at once.
    pub peak_mib: f64,
}

impl Took {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("`--json` gives JSON")
    }
}

impl World {
    /// `baseline` for so many days, with one of so many users.
    pub fn new(one_in: u64, days: u32) -> World {
        let parent = Path::new(CHECKOUT).join("target");
        let folder =
            tempfile::Builder::new().prefix("ratios-").tempdir_in(parent).expect("a folder");
        let world = World { folder };
        for name in ["layers", "scenarios"] {
            copy_folder(&Path::new(CHECKOUT).join(name), &world.path("project").join(name));
        }
        let scenario = world.path("project/scenarios/baseline.toml");
        let text = fs::read_to_string(&scenario).expect("the scenario is there");
        fs::write(&scenario, scaled(&text, one_in, days)).expect("a file");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `lakebed`, which must succeed, over a folder of data.
    pub fn lakebed(&self, line: &str, data: &str) -> Took {
        self.lakebed_of("project", line, data)
    }

    fn lakebed_of(&self, project: &str, line: &str, data: &str) -> Took {
        let mut command = Command::new(LAKEBED);
        command.args(line.split_whitespace()).arg("--project").arg(self.path(project));
        run(command.arg("--data").arg(self.path(data)))
    }

    /// Simulates and brings in, and builds nothing: to a project without queries.
    pub fn bring_in(&self) {
        for name in ["layers/raw", "layers/functions", "scenarios"] {
            let from = self.path("project").join(name);
            copy_folder(&from, &self.path("contracts").join(name));
        }
        let _ = self.lakebed_of("contracts", "run baseline --ingest direct --json", "data");
    }

    /// Simulates, brings in, builds and grades.
    pub fn run(&self, options: &str) -> Took {
        self.lakebed(&format!("run baseline --ingest direct --json {options}"), "data")
    }

    /// Takes the tables away; what came in stays.
    pub fn forget_tables(&self, data: &str) {
        fs::remove_file(self.path(data).join("warehouse.duckdb")).expect("it was built");
    }
}

/// The scenario's text with other numbers.
pub fn scaled(text: &str, one_in: u64, days: u32) -> String {
    let line = |line: &str| {
        if line.starts_with("one_in") {
            format!("one_in = {one_in}\n")
        } else if line.starts_with("days ") {
            format!("days = {days}\n")
        } else {
            format!("{line}\n")
        }
    };
    text.lines().map(line).collect()
}

/// Runs a command and looks at its memory meanwhile.
pub fn run(command: &mut Command) -> Took {
    let started = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let id = child.id();
    let waiting = thread::spawn(move || Child::wait_with_output(child).expect("it ends"));
    let mut peak_mib = 0.0_f64;
    while !waiting.is_finished() {
        peak_mib = peak_mib.max(peak_of(id));
        thread::sleep(Duration::from_millis(2));
    }
    let seconds = started.elapsed().as_secs_f64();
    let output = waiting.join().expect("it does not panic");
    assert!(output.status.success(), "{command:?} ended with {}", output.status);
    Took { stdout: String::from_utf8_lossy(&output.stdout).into_owned(), seconds, peak_mib }
}

/// The most that a process has held so far, in MiB; 0 where the system has no `/proc`.
fn peak_of(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// How many users one stands for in a large day.
pub fn one_in() -> u64 {
    let text = env::var("LAKEBED_ONE_IN").unwrap_or_else(|_| "250".to_owned());
    text.parse().expect("LAKEBED_ONE_IN is a number")
}
