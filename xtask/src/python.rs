//! Python environments of what the tests need, and where Java is.
//!
//! An environment lies in the user's cache, outside of the checkout, under the hash of the pinned
//! requirements, and is used again as long as they stay the same.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };
const PYTHON_HINT: &str = "install Python 3.11 or newer with its modules `venv` and `ensurepip` \
     (Debian: the packages python3 and python3-venv), and try again";
/// Fails in a Python that is too old, or lacks what an environment is made with.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// The Java that `JAVA_HOME` names, or the one on the path.
pub fn java() -> PathBuf {
    match env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin").join("java"),
        None => PathBuf::from("java"),
    }
}

/// Makes the environment of a file of exact versions, unless it is there, and returns its folder.
pub fn ensure(name: &str, size: &str, requirements: &Path) -> Result<PathBuf, String> {
    let shown = requirements.display();
    let text = fs::read(requirements).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let cache = cache()?.join("lakebed").join(name);
    let folder = cache.join(format!("{:016x}", hasher.finish()));
    if folder.is_dir() {
        return Ok(folder);
    }
    // What is missing is said before half a gigabyte is fetched.
    run(Command::new(PYTHON).args(["-c", PYTHON_CHECK]), PYTHON_HINT)?;
    eprintln!("making a Python environment in {} ({size}, once)", folder.display());
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
            .arg(requirements),
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

/// `XDG_CACHE_HOME`, or the place that stands for it.
fn cache() -> Result<PathBuf, String> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| "there is no folder for caches: set XDG_CACHE_HOME".to_owned())
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command, hint: &str) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown} ended with {status}\nhint: {hint}")),
        Err(error) => Err(format!("cannot start {shown}: {error}\nhint: {hint}")),
    }
}
