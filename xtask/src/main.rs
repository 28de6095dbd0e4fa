//! `cargo xtask <task>`: makes DuckDB's library available, then calls cargo.
//!
//! It has no dependencies, so that it is there a second after the checkout. Not for: logic of the
//! product.

mod conformance;
mod duckdb;
mod emulators;
mod python;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const HELP: &str = "\
usage: cargo xtask <task> [arguments]

  setup          fetch DuckDB's prebuilt library into .duckdb/
  run [ARG …]    build lakebed and run `lakebed run ARG …` (the scenario `baseline`)
  test [ARG …]   run every test but those of `google`; ARG goes to `cargo test`
  lint           rustfmt, clippy and rustdoc, all warnings being errors
  ci             lint, conformance --quick, google and test: what must pass before a change lands
  bless          rewrite golden/ and the expected errors with what the tests find
  conformance [--quick] [--html FILE] [FILTER …]
                 compare DuckDB with GoogleSQL and Spark, which it installs into the user's cache
  emulators [COMMAND …]
                 start emulators of Google Cloud, and run a command that finds them in its environment
  google [ARG …] test the adapters for Google Cloud on them; ARG goes to `cargo test`
  bench [ARG …]  run the benchmarks; each prints a ratio against its yardstick
  ratios [AREA …]
                 the promised ratios over days of a real size, in a release build; help says which
  growth         run the scenario `growth-50`, forecast five years, and write benches/growth.csv
  dist           compile DuckDB in, for one binary that needs no other (75 minutes of one core)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    match perform(task, rest) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn perform(task: &str, rest: &[String]) -> Result<ExitCode, String> {
    let root = workspace_root();
    match task {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "setup" => duckdb::ensure(&root).map(|()| ExitCode::SUCCESS),
        "run" => {
            duckdb::ensure(&root)?;
            let mut command = cargo(&["run", "--package", "lakebed", "--", "run"]);
            // The user's own folder: data and `--project` are relative to where they typed.
            execute(command.args(rest))
        }
        "test" => {
            duckdb::ensure(&root)?;
            let tests = ["test", "--workspace", "--exclude", GOOGLE];
            execute(cargo(&tests).args(rest).current_dir(&root))
        }
        "lint" => lint(&root),
        "ci" => ci(&root, rest),
        "bless" => {
            duckdb::ensure(&root)?;
            let tests = ["test", "--package", "lakebed", "--test", "all", "--"];
            let mut command = cargo(&tests);
            command.args(["goldens::every_table_is_as_its_golden", "errors::", "targets::"]);
            execute(command.args(rest).env("LAKEBED_BLESS", "1").current_dir(&root))
        }
        "conformance" => {
            duckdb::ensure(&root)?;
            let environment = conformance::ensure_environment(&root)?;
            let tests = ["test", "--package", "lakebed", "--test", "conformance", "--"];
            let mut command = cargo(&tests);
            command.args(conformance::with_absolute_paths(rest)?).current_dir(&root);
            execute(command.env("LAKEBED_CONFORMANCE", environment))
        }
        "emulators" => emulators::serve(&root, rest),
        "google" => google(&root, rest),
        "bench" => {
            duckdb::ensure(&root)?;
            // The yardstick is of the same build, so the build that `run` and `test` share will do.
            let small =
                ["bench", "--package", "lakebed", "--bench", "pipeline", "--profile", "dev"];
            execute(cargo(&small).args(rest).current_dir(&root))
        }
        "ratios" => {
            duckdb::ensure(&root)?;
            let large = ["bench", "--package", "lakebed", "--bench", "ratios", "--"];
            execute(cargo(&large).args(rest).current_dir(&root))
        }
        "growth" => growth(&root),
        "dist" => execute(
            cargo(&["build", "--profile", "dist", "--features", "bundled", "--package", "lakebed"])
                .args(rest)
                .env_remove("DUCKDB_LIB_DIR")
                .current_dir(&root),
        ),
        other => Err(format!("there is no task `{other}`\n\n{HELP}")),
    }
}

/// Builds the small warehouse that growth is forecast from, if it is not there, and forecasts.
fn growth(root: &Path) -> Result<ExitCode, String> {
    duckdb::ensure(root)?;
    let data = root.join("target/growth-data");
    let data = data.to_string_lossy();
    let run = ["run", "growth-50", "--ingest", "direct", "--data", &data];
    let page = root.join("target/growth.html");
    let figures = root.join("benches/growth.csv");
    let (page, figures) = (page.to_string_lossy(), figures.to_string_lossy());
    let forecast = ["growth", "--data", &data, "--html", &page, "--figures", &figures];
    let lakebed = ["run", "--package", "lakebed", "--"];
    let code = execute(cargo(&lakebed).args(run).current_dir(root))?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    execute(cargo(&lakebed).args(forecast).current_dir(root))
}

/// Leaves out the comparison of engines, for the reason that it holds: where Python, Java or the
/// packages are not to be had.
const SKIP_CONFORMANCE: &str = "LAKEBED_SKIP_CONFORMANCE";

/// The adapters that are built only where they are asked for: they bring 120 crates.
const GOOGLE: &str = "lakebed-google";
/// Leaves out the tests on emulators, for the reason that it holds.
const SKIP_EMULATORS: &str = "LAKEBED_SKIP_EMULATORS";

/// The adapters for Google Cloud: their lints, then their tests on the emulators.
fn google(root: &Path, rest: &[String]) -> Result<ExitCode, String> {
    duckdb::ensure(root)?;
    let with_google = ["--package", "lakebed", "--package", GOOGLE, "--features", "lakebed/google"];
    let targets = ["--lib", "--bins", "--test", "google", "--test", "all"];
    let mut clippy = cargo(&["clippy"]);
    clippy.args(with_google).args(targets).args(["--", "--deny", "warnings"]);
    let code = execute(clippy.current_dir(root))?;
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    if let Ok(reason) = env::var(SKIP_EMULATORS)
        && !reason.is_empty()
    {
        println!("google: SKIPPED, as {SKIP_EMULATORS} says: {reason}");
        return Ok(ExitCode::SUCCESS);
    }
    let emulators = emulators::Emulators::start(root)?;
    let suites = ["--test", "google"];
    let pipeline = ["--test", "all", "emulators::"];
    for tests in [&suites[..], &pipeline] {
        let mut command = cargo(&["test"]);
        command.args(with_google).args(tests).args(rest).current_dir(root);
        let code = execute(command.envs(emulators.variables()))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The tests come last, so that their result is what stays on the screen.
fn ci(root: &Path, rest: &[String]) -> Result<ExitCode, String> {
    let conformance = || match env::var(SKIP_CONFORMANCE) {
        Ok(reason) if !reason.is_empty() => {
            println!("conformance: SKIPPED, as {SKIP_CONFORMANCE} says: {reason}");
            Ok(ExitCode::SUCCESS)
        }
        _ => perform("conformance", &["--quick".to_owned()]),
    };
    let google = || google(root, &[]);
    let test = || perform("test", rest);
    let steps: [&dyn Fn() -> Result<ExitCode, String>; 4] =
        [&|| lint(root), &conformance, &google, &test];
    for step in steps {
        let code = step()?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn lint(root: &Path) -> Result<ExitCode, String> {
    duckdb::ensure(root)?;
    let checks: [&[&str]; 3] = [
        &["fmt", "--all", "--check"],
        &[
            "clippy",
            "--workspace",
            "--exclude",
            GOOGLE,
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ],
        &["doc", "--workspace", "--exclude", GOOGLE, "--no-deps", "--document-private-items"],
    ];
    for check in checks {
        let mut command = cargo(check);
        let code = execute(command.env("RUSTDOCFLAGS", "--deny warnings").current_dir(root))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The checkout that cargo was called in. Not the one that this was compiled in: several checkouts may
/// share a target folder, and then cargo takes one's build for the other's.
fn workspace_root() -> PathBuf {
    let called_in = env::var_os("CARGO_MANIFEST_DIR");
    let manifest = called_in.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = Path::new(&manifest);
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

fn execute(command: &mut Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|e| format!("cannot start {command:?}: {e}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
