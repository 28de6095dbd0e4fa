//! The Python environment with the other engines, for `cargo xtask conformance`.
//!
//! It lies in the user's cache, outside of the checkout, under the hash of the pinned requirements,
//! and is used again as long as they stay the same. Not for: what is compared
//! (`tests/conformance/`).

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Exact versions of everything, relative to the checkout.
const REQUIREMENTS: &str = "tests/conformance/requirements.txt";

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };
const PYTHON_HINT: &str = "install Python 3.11 or newer with its modules `venv` and `ensurepip` \
     (Debian: the packages python3 and python3-venv), and try again";
/// Fails in a Python that is too old, or lacks what an environment is made with.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
const JAVA_HINT: &str = "Spark needs Java 17 or newer: install it (Debian: the package \
     openjdk-17-jre-headless), or set JAVA_HOME, and try again";

/// Spark runs in it; the environment has it not.
fn ensure_java() -> Result<(), String> {
    let java = match env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin").join("java"),
        None => PathBuf::from("java"),
    };
    run(Command::new(java).arg("-version").stderr(Stdio::null()), JAVA_HINT)
}

/// Makes the environment, unless it is there, and returns its folder.
pub fn ensure_environment(root: &Path) -> Result<PathBuf, String> {
    ensure_java()?;
    let requirements = root.join(REQUIREMENTS);
    let text = fs::read(&requirements).map_err(|e| format!("cannot read {REQUIREMENTS}: {e}"))?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let cache = cache()?.join("lakebed").join("conformance");
    let folder = cache.join(format!("{:016x}", hasher.finish()));
    if folder.is_dir() {
        return Ok(folder);
    }
    // What is missing is said before half a gigabyte is fetched.
    run(Command::new(PYTHON).args(["-c", PYTHON_CHECK]), PYTHON_HINT)?;
    eprintln!("making a Python environment in {} (500 MB, once)", folder.display());
    // It gets its name when it is whole; a virtual environment's programs know their own folder, but
    // `bin/python` does not, and nothing else of it is used.
    let partial = cache.join(format!("partial-{}", std::process::id()));
    fs::create_dir_all(&cache).map_err(|e| format!("cannot create {}: {e}", cache.display()))?;
    run(Command::new(PYTHON).args(["-m", "venv"]).arg(&partial), PYTHON_HINT)?;
    let hint = "pip must reach a package index that has these versions";
    let installed = run(
        Command::new(partial.join("bin").join("python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&requirements),
        hint,
    );
    let named = installed.and_then(|()| {
        fs::rename(&partial, &folder)
            .map_err(|e| format!("cannot create {}: {e}", folder.display()))
    });
    if named.is_err() {
        // The reason is the first error; what is left would only take space.
        let _ = fs::remove_dir_all(&partial);
    }
    named.map(|()| folder)
}

/// The page of `--html FILE` is written relative to where the user typed, and cargo runs tests in
/// their package.
pub fn with_absolute_paths(arguments: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut is_path = false;
    let absolute = |argument: &String| {
        let path = PathBuf::from(argument);
        let was_path = std::mem::replace(&mut is_path, argument == "--html");
        if was_path {
            std::path::absolute(&path).map_err(|e| format!("{argument}: {e}"))
        } else {
            Ok(path)
        }
    };
    arguments.iter().map(absolute).collect()
}

/// `XDG_CACHE_HOME`, or the place that stands for it.
fn cache() -> Result<PathBuf, String> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| "there is no folder for caches: set XDG_CACHE_HOME".to_owned())
}

fn run(command: &mut Command, hint: &str) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} ended with {status}\nhint: {hint}")),
        Err(error) => Err(format!("cannot start {shown}: {error}\nhint: {hint}")),
    }
}
