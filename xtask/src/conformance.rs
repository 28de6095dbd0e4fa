//! The Python environment with the other engines, for `cargo xtask conformance`.
//!
//! It lies in the user's cache, outside of the checkout, under the hash of the pinned requirements,
//! and is used again as long as they stay the same. Not for: what is compared
//! (`tests/conformance/`).

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::python::{self, java, run};

/// Exact versions of everything, relative to the checkout.
const REQUIREMENTS: &str = "tests/conformance/requirements.txt";

const JAVA_HINT: &str = "Spark needs Java 17 or newer: install it (Debian: the package \
     openjdk-17-jre-headless), or set JAVA_HOME, and try again";

/// Spark runs in it; the environment has it not.
fn ensure_java() -> Result<(), String> {
    run(Command::new(java()).arg("-version").stderr(Stdio::null()), JAVA_HINT)
}

/// Makes the environment, unless it is there, and returns its folder.
pub fn ensure_environment(root: &Path) -> Result<PathBuf, String> {
    ensure_java()?;
    python::ensure("conformance", "500 MB", &root.join(REQUIREMENTS))
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
