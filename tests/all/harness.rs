//! The real binary over a data folder of its own: run it, then say what must have happened.
//!
//! ```ignore
//! World::new().lakebed("run tiny").run().status(0).stdout_contains("Everything is right.");
//! ```
//!
//! Expected texts stand in `tests/all/expected/`; `LAKEBED_BLESS=1` rewrites them. Not for: what
//! the tables must hold (`goldens`).

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Output,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_lakebed");
/// The checkout.
pub const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
/// Longer than any command on a busy machine; a test that hangs says so.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Whether expected files are written instead of compared.
pub fn is_blessing() -> bool {
    env::var_os("LAKEBED_BLESS").is_some_and(|value| value == "1")
}

/// A temporary folder with a data folder, and perhaps a project, in it.
pub struct World {
    folder: TempDir,
    has_project: bool,
}

impl World {
    /// With no data yet.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), has_project: false }
    }

    /// After `run tiny --ingest direct`, which all tests share.
    pub fn with_tiny() -> Self {
        let world = Self::new();
        copy_folder(tiny_data(), &world.data());
        world
    }

    /// With the raw layer of `tiny`, and no tables.
    pub fn with_raw() -> Self {
        let world = Self::new();
        copy_folder(&tiny_data().join("raw"), &world.data().join("raw"));
        world
    }

    /// Gives it a copy of the project, which all commands then use, to be edited.
    #[must_use]
    pub fn with_project(mut self) -> Self {
        for folder in ["layers", "scenarios"] {
            copy_folder(&Path::new(CHECKOUT).join(folder), &self.project().join(folder));
        }
        self.has_project = true;
        self
    }

    /// Everything of this world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `--data`
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// `--project`
    pub fn project(&self) -> PathBuf {
        self.folder().join("project")
    }

    /// A command such as `run tiny`, split at spaces.
    pub fn lakebed(&self, line: &str) -> Call {
        let mut command = Command::new(BINARY);
        for name in ["FAILPOINTS", "LAKEBED_GATEWAY_TOKEN", "RUST_BACKTRACE", "NO_GRAPHICS"] {
            command.env_remove(name);
        }
        command.timeout(TIMEOUT).current_dir(self.folder()).args(line.split_whitespace());
        let mut place = vec!["--data".into(), self.data().into_os_string()];
        if self.has_project {
            place.extend(["--project".into(), self.project().into_os_string()]);
        }
        let folder = self.folder().display().to_string();
        Call { command, place, shown: format!("lakebed {line}"), folder }
    }

    /// Runs a script in the folder of this world, with `lakebed` on its path, and gives what it wrote.
    #[track_caller]
    pub fn shell(&self, script: &str, context: &str) -> String {
        let folder = Path::new(BINARY).parent().expect("a program is in a folder");
        let path = env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-ec", script])
            .current_dir(self.folder())
            .env("PATH", format!("{}:{path}", folder.display()))
            .output()
            .expect("there is a shell");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{context}: {script}{stdout}{stderr}");
        stdout
    }

    /// The rows of a query as CSV.
    pub fn query(&self, sql: &str) -> String {
        self.lakebed("query --format csv").arg(sql).run().status(0).stdout
    }

    /// Replaces `old` in a file of the project. The undoing restores the file.
    pub fn edit(&self, file: &str, old: &str, new: &str) -> Undo {
        let text = self.read(file);
        assert!(text.contains(old), "{file} has no `{old}`");
        self.write(file, &text.replacen(old, new, 1))
    }

    /// The text of a file of the project.
    pub fn read(&self, file: &str) -> String {
        let path = self.project().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes a file of the project, new or not. The undoing restores what was there.
    pub fn write(&self, file: &str, text: &str) -> Undo {
        let path = self.project().join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, text).expect("the project is writable");
        Undo { path, before }
    }

    /// The files under `raw/`, in order of name.
    pub fn raw_objects(&self) -> Vec<PathBuf> {
        files_under(&self.data().join("raw"), &|path| {
            path.extension().is_some_and(|extension| extension == "parquet")
        })
    }
}

/// A file as it was before an edit.
pub struct Undo {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Undo {
    /// Restores it.
    pub fn undo(self) {
        match self.before {
            Some(bytes) => fs::write(&self.path, bytes).expect("it was writable before"),
            None => fs::remove_file(&self.path).expect("it was written by this test"),
        }
    }
}

/// A command that has not run yet.
pub struct Call {
    command: Command,
    /// The options of its place, which come last.
    place: Vec<OsString>,
    shown: String,
    folder: String,
}

impl Call {
    /// One more argument, spaces and all.
    pub fn arg(mut self, text: &str) -> Self {
        self.command.arg(text);
        self.shown = format!("{} '{text}'", self.shown);
        self
    }

    /// As it was given, without this world's data folder and project.
    pub fn elsewhere(mut self) -> Self {
        self.place.clear();
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}='{value}' {}", self.shown);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let output = self
            .command
            .args(&self.place)
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}", self.shown));
        Ended::new(&output, self.shown, self.folder)
    }
}

/// A command that has ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// What it wrote for the next program.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
    code: Option<i32>,
    signal: Option<i32>,
    shown: String,
    folder: String,
}

impl Ended {
    /// From what the operating system says; `folder` is hidden in expected files.
    pub fn new(output: &Output, shown: String, folder: String) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
            signal: output.status.signal(),
            shown,
            folder,
        }
    }

    /// It ended by itself, with this status, and did not panic.
    #[must_use]
    #[track_caller]
    pub fn status(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "the status is wrong\n{self}");
        assert!(!self.stderr.contains("panicked at"), "it panicked\n{self}");
        self
    }

    /// A signal ended it, and nothing else.
    #[must_use]
    #[track_caller]
    pub fn killed_by(self, signal: i32) -> Self {
        assert_eq!(self.signal, Some(signal), "it was not killed by that signal\n{self}");
        self
    }

    /// stdout has this in it.
    #[must_use]
    #[track_caller]
    pub fn stdout_contains(self, part: &str) -> Self {
        assert!(self.stdout.contains(part), "stdout lacks `{part}`\n{self}");
        self
    }

    /// stderr has this in it.
    #[must_use]
    #[track_caller]
    pub fn stderr_contains(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "stderr lacks `{part}`\n{self}");
        self
    }

    /// Neither of both has this in it.
    #[must_use]
    #[track_caller]
    pub fn lacks(self, part: &str) -> Self {
        let is_there = self.stdout.contains(part) || self.stderr.contains(part);
        assert!(!is_there, "it says {part:?}\n{self}");
        self
    }

    /// stderr is `expected/<name>.txt`, temporary folders, ports and digests apart.
    #[must_use]
    #[track_caller]
    pub fn stderr_is(self, name: &str) -> Self {
        let path = format!("{CHECKOUT}/tests/all/expected/{name}.txt");
        let said = hide_digests(&hide_ports(&self.stderr.replace(&self.folder, "[FOLDER]")));
        expect_file(Path::new(&path), &said);
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shown, code, signal, stdout, stderr, .. } = self;
        write!(f, "$ {shown}\nstatus {code:?}, signal {signal:?}\n{stdout}{stderr}")
    }
}

/// Compares with a file of the checkout, or writes it when blessing.
#[track_caller]
pub fn expect_file(path: &Path, found: &str) {
    let shown = path.strip_prefix(CHECKOUT).unwrap_or(path).display();
    if is_blessing() {
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("writable");
        return fs::write(path, found).expect("writable");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    let diff = difference(&expected, found);
    assert!(diff.is_empty(), "{shown} differs (`cargo xtask bless` accepts it):\n{diff}");
}

/// The first lines that only one of both has, `-` for the expected ones; empty if they are equal.
pub fn difference(expected: &str, found: &str) -> String {
    const LINES_MAX: usize = 8;
    if expected == found {
        return String::new();
    }
    let only = |own: &str, other: &str, sign: &str| {
        let other: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines = own.lines().filter(|line| !other.contains(line));
        lines.take(LINES_MAX).fold(String::new(), |all, line| all + sign + " " + line + "\n")
    };
    let lines = only(expected, found, "-") + &only(found, expected, "+");
    if lines.is_empty() { "the same lines in another order or number\n".to_owned() } else { lines }
}

/// `127.0.0.1:40123` gives `127.0.0.1:[PORT]`.
fn hide_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{all}127.0.0.1:[PORT]{rest}")
    })
}

/// `tiny/415c8223` gives `tiny/[DIGEST]`: digests follow from what a scenario says.
fn hide_digests(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_digest = |word: &str| {
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        word.len() >= 8 && has_digit && word.chars().all(is_hex)
    };
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let hidden = words.map(|word| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_digest(bare) { word.replacen(bare, "[DIGEST]", 1) } else { word.to_owned() }
    });
    hidden.collect()
}

/// The data folder of `tiny`, made once in this process.
fn tiny_data() -> &'static Path {
    static DATA: OnceLock<PathBuf> = OnceLock::new();
    DATA.get_or_init(|| {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
        remove_old_templates(shared);
        let data = shared.join(format!("tiny-{}", std::process::id()));
        let _ = fs::remove_dir_all(&data);
        let mut command = Command::new(BINARY);
        command.args(["run", "tiny", "--ingest", "direct", "--data"]).arg(&data).timeout(TIMEOUT);
        command.assert().success();
        data
    })
}

/// Statics are never dropped: what earlier processes left is removed here.
fn remove_old_templates(shared: &Path) {
    const AGE_MAX: Duration = Duration::from_hours(1);
    for entry in fs::read_dir(shared).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|data| data.modified());
        let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        let is_template = entry.file_name().to_string_lossy().starts_with("tiny-");
        if is_template && age.is_ok_and(|age| age > AGE_MAX) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    for file in files_under(from, &|_| true) {
        let target = to.join(file.strip_prefix(from).expect("it lies under the folder"));
        fs::create_dir_all(target.parent().expect("a file has a folder")).expect("writable");
        fs::copy(&file, &target).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// The files under a folder for which `is_wanted` holds, in order of path.
pub fn files_under(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("readable").path()) {
        if path.is_dir() {
            found.extend(files_under(&path, is_wanted));
        } else if is_wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}
