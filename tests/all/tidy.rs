//! The house rules, as far as a test can hold them: see `ARCHITECTURE.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    goldens::{golden_path, table_files},
    harness::{CHECKOUT, files_under},
};

/// Folders that are not the project's: what is built, and what git keeps.
const NOT_OURS: [&str; 5] = [".git", ".duckdb", "target", "lakebed-data", ".idea"];
const RUST_LINES_MAX: usize = 500;
const SQL_COLUMNS_MAX: usize = 100;

/// A text file of the checkout, by its path from there.
struct Text {
    path: String,
    text: String,
}

/// The text files that the project keeps.
fn texts() -> Vec<Text> {
    let root = Path::new(CHECKOUT);
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(root).expect("the checkout").map(|entry| entry.expect("readable")) {
        let is_ours = !NOT_OURS.contains(&entry.file_name().to_string_lossy().as_ref());
        match (is_ours, entry.path()) {
            (true, path) if path.is_dir() => paths.extend(files_under(&path, &|_| true)),
            (true, path) => paths.push(path),
            (false, _) => {}
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root).expect("it lies in the checkout");
        Some(Text { path: path.display().to_string(), text })
    };
    paths.into_iter().filter_map(read).collect()
}

fn with_extension(extension: &str) -> impl Iterator<Item = Text> {
    let ending = format!(".{extension}");
    texts().into_iter().filter(move |file| file.path.ends_with(&ending))
}

/// The code of a file without its unit tests, which stand at its end, and without comments.
fn code(file: &Text) -> String {
    let tests = file.text.find("#[cfg(test)]\nmod tests {").unwrap_or(file.text.len());
    let lines = file.text[..tests].lines();
    lines.map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn rust_files_are_short() {
    let too_long = with_extension("rs").filter(|file| file.text.lines().count() > RUST_LINES_MAX);
    let broken: Vec<String> = too_long
        .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()))
        .collect();
    assert_none("a Rust file ends by line 500", &broken);
}

#[test]
fn rust_files_say_what_they_are_for() {
    let silent = with_extension("rs").filter(|file| !file.text.starts_with("//! "));
    assert_none("a module opens with `//!`", &silent.map(|file| file.path).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_to_do() {
    // In two parts, so that this file does not break its own rule.
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let broken: Vec<String> = texts()
        .iter()
        .filter(|file| !file.path.ends_with(".lock") && !file.path.starts_with("golden/"))
        .flat_map(|file| {
            marks
                .iter()
                .filter(|mark| file.text.contains(**mark))
                .map(|mark| format!("{}: {mark}", file.path))
        })
        .collect();
    assert_none("what is not done is not in the tree", &broken);
}

#[test]
fn every_table_has_a_contract_and_a_golden() {
    let tables = table_files();
    let known: BTreeSet<String> =
        tables.values().map(|table| table.path.display().to_string()).collect();
    let is_table = |file: &Text| {
        file.path.starts_with("layers/") && !file.path.starts_with("layers/functions/")
    };
    let without_contract =
        with_extension("sql").filter(is_table).filter(|f| !known.contains(&f.path));
    assert_none(
        "every query has a contract",
        &without_contract.map(|f| f.path).collect::<Vec<_>>(),
    );
    let without_golden = tables.keys().filter(|name| !Path::new(&golden_path(name)).exists());
    assert_none(
        "every table has a golden: `cargo xtask bless` writes it",
        &without_golden.map(ToString::to_string).collect::<Vec<_>>(),
    );
    let silent = tables.values().flat_map(|table| {
        let columns = table.contract.columns.iter().filter(|(_, column)| column.about.is_empty());
        columns.map(|(name, _)| format!("{}: {name}", table.path.display()))
    });
    assert_none("every column says what it means", &silent.collect::<Vec<_>>());
}

#[test]
fn queries_are_narrow() {
    let mut broken = Vec::new();
    for table in table_files().values() {
        for line in table.query().lines().filter(|line| line.chars().count() > SQL_COLUMNS_MAX) {
            broken.push(format!("{}: {line}", table.path.display()));
        }
    }
    assert_none("a line of SQL has at most 100 columns", &broken);
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let mut broken = Vec::new();
    for file in with_extension("md") {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new("")).to_path_buf();
        for link in links(&file.text) {
            let (target, heading) = link.split_once('#').unwrap_or((&link, ""));
            let path = Path::new(CHECKOUT).join(&folder).join(target);
            let path = if target.is_empty() { Path::new(CHECKOUT).join(&file.path) } else { path };
            let has_heading = || {
                let text = fs::read_to_string(&path).unwrap_or_default();
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line) == heading)
            };
            if !path.exists() || !(heading.is_empty() || has_heading()) {
                broken.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert_none("links resolve", &broken);
}

/// The targets of `[text](target)` that lie in this checkout; code is no link.
fn links(markdown: &str) -> Vec<String> {
    let prose = markdown.split("```").step_by(2);
    let spans = prose.flat_map(|text| text.split('`').step_by(2));
    spans
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()))
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// `## How a build works` gives `how-a-build-works`.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn every_decision_has_a_status_and_is_listed() {
    let pages: Vec<Text> =
        with_extension("md").filter(|file| file.path.starts_with("docs/adr/")).collect();
    let (list, pages): (Vec<Text>, Vec<Text>) =
        pages.into_iter().partition(|file| file.path.ends_with("README.md"));
    let mut broken = Vec::new();
    for page in &pages {
        let mut lines = page.text.lines();
        let title = lines.next().unwrap_or_default().trim_start_matches("# ");
        let status = lines.nth(1).unwrap_or_default();
        if !(status.starts_with("Accepted, ") || status.starts_with("Superseded by ")) {
            broken.push(format!("{}: its third line is its status", page.path));
        }
        let name = page.path.rsplit('/').next().unwrap_or_default();
        let row = title.split_once(". ").map(|(n, title)| format!("| {n} | [{title}]({name}) |"));
        if row.is_none_or(|row| !list[0].text.contains(&row)) {
            broken.push(format!("{}: not in the list under its title", page.path));
        }
    }
    assert!(pages.len() > 20, "{} decisions", pages.len());
    assert_none("docs/adr/README.md lists every decision", &broken);
}

#[test]
fn paths_in_the_docs_exist() {
    let roots = [
        "src/",
        "adapters/",
        "core/",
        "files/",
        "pipeline/",
        "ports/",
        "sim/",
        "layers/",
        "scenarios/",
        "tests/",
        "docs/",
        "golden/",
        "xtask/",
        "benches/",
    ];
    let mut broken = Vec::new();
    // The README names files that its reader is to write.
    for file in with_extension("md").filter(|file| file.path != "README.md") {
        for span in
            file.text.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2))
        {
            let is_path = roots.iter().any(|root| span.starts_with(root));
            let is_pattern = span.contains(['<', '*', '…', ' ', '{']);
            if is_path && !is_pattern && !Path::new(CHECKOUT).join(span).exists() {
                broken.push(format!("{}: {span}", file.path));
            }
        }
    }
    assert_none("a path in the docs is one in the checkout", &broken);
}

/// Which crates of the workspace each of them may link; adapters are linked by the program alone.
const CRATES: [(&str, &[&str]); 11] = [
    ("sim", &[]),
    ("xtask", &[]),
    ("lakebed-core", &[]),
    ("lakebed-files", &["lakebed-core"]),
    ("lakebed-ports", &["lakebed-core"]),
    ("lakebed-duckdb", &["lakebed-core", "lakebed-ports"]),
    ("lakebed-google", &["lakebed-core", "lakebed-ports"]),
    ("lakebed-local", &["lakebed-core", "lakebed-ports"]),
    ("lakebed-spark", &["lakebed-core", "lakebed-ports"]),
    ("lakebed-pipeline", &["lakebed-core", "lakebed-ports", "sim"]),
    (
        "lakebed",
        &[
            "lakebed-core",
            "lakebed-duckdb",
            "lakebed-files",
            "lakebed-google",
            "lakebed-local",
            "lakebed-pipeline",
            "lakebed-ports",
            "lakebed-spark",
            "sim",
        ],
    ),
];

/// Libraries that one crate alone takes, so that what is built on them can be replaced.
const OWNED: [(&str, &str); 5] = [
    ("duckdb", "lakebed-duckdb"),
    ("google-cloud-pubsub", "lakebed-google"),
    ("google-cloud-storage", "lakebed-google"),
    ("postcard", "lakebed-local"),
    ("redb", "lakebed-local"),
];

/// The crates of the workspace, each with what its library takes, by name. What its tests take is
/// left out.
fn taken_by_crates() -> BTreeMap<String, BTreeSet<String>> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&text).expect("metadata is JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let taken = |package: &Value| {
        let all = list(&package["dependencies"]);
        all.iter().filter(|taken| taken["kind"].is_null()).map(name).collect()
    };
    list(&metadata["packages"]).iter().map(|package| (name(package), taken(package))).collect()
}

#[test]
fn crates_link_each_other_as_the_map_says() {
    let taken = taken_by_crates();
    let of_the_workspace = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().filter(|name| taken.contains_key(*name)).cloned().collect()
    };
    let found: BTreeMap<String, BTreeSet<String>> =
        taken.iter().map(|(name, names)| (name.clone(), of_the_workspace(names))).collect();
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let expected = CRATES.iter().map(|(name, links)| ((*name).to_owned(), set(links))).collect();
    assert_eq!(found, expected);
    let mut broken = Vec::new();
    for (library, owner) in OWNED {
        let takers = taken.iter().filter(|(_, names)| names.contains(library));
        let others = takers.filter(|(name, _)| *name != owner);
        broken.extend(others.map(|(name, _)| format!("{name}: {library}")));
    }
    assert_none("one crate takes it", &broken);
}

#[test]
fn the_core_links_no_engine_and_no_runtime() {
    let heavy = ["arrow", "axum", "duckdb", "futures", "libduckdb-sys", "parquet", "redb", "tokio"];
    let packages = packages(&["--package", "lakebed-core", "--edges", "normal"]);
    let linked: BTreeSet<&str> =
        packages.iter().filter_map(|package| package.split(' ').next()).collect();
    assert!(linked.contains("sqlparser"), "{linked:?}");
    let broken = heavy.iter().filter(|name| linked.contains(*name)).map(ToString::to_string);
    assert_none("the core links parsers and formats", &broken.collect::<Vec<_>>());
}

/// What no library has to be taken for, since the standard library has it.
#[test]
fn the_core_and_the_simulator_do_no_io() {
    let outside =
        ["std::fs", "fs::", "std::net", "std::thread", "SystemTime", "Instant::now", "std::env"];
    let is_pure = |path: &str| path.starts_with("core/src/") || path.starts_with("sim/src/");
    let broken: Vec<String> = with_extension("rs")
        .filter(|file| is_pure(&file.path) && contains_any(&code(file), &outside))
        .map(|file| file.path)
        .collect();
    assert_none("core and sim have no I/O, no clock and no threads", &broken);
}

fn contains_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // In two parts, so that this file does not break its own rule.
    let roots = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("C:", "\\"),
        concat!("/wo", "rk/"),
    ];
    let mut broken = Vec::new();
    for file in texts() {
        for (number, line) in file.text.lines().enumerate() {
            let starts = |at: usize| {
                line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '.')
            };
            let has = |root: &&&str| line.match_indices(**root).any(|(at, _)| starts(at));
            broken.extend(roots.iter().find(has).map(|_| format!("{}:{}", file.path, number + 1)));
        }
    }
    assert_none("no absolute path of a machine", &broken);
}

#[test]
fn every_dependency_has_its_reason() {
    let mut broken = Vec::new();
    for file in texts().iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let mut is_dependencies = false;
        for line in file.text.lines() {
            if line.starts_with('[') {
                is_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            }
            let is_dependency = is_dependencies && line.contains(" = ") && !line.starts_with('#');
            if is_dependency && !line.contains(" # ") {
                broken.push(format!("{}: {line}", file.path));
            }
        }
    }
    assert_none("a dependency says what it is for", &broken);
}

/// What cargo prints.
fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let output = command.args(arguments).current_dir(CHECKOUT).output().expect("cargo is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// What cargo builds, each package with its features.
fn packages(arguments: &[&str]) -> BTreeSet<String> {
    let shown = ["tree", "--prefix", "none", "--format", "{p} {f}"];
    let text = cargo(&[&shown, arguments].concat());
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn run_and_test_build_everything_once() {
    let run = packages(&["--package", "lakebed", "--edges", "normal,build"]);
    // What only `cargo xtask google` builds.
    let workspace = ["--workspace", "--exclude", "lakebed-google"];
    let mut test = packages(&[&workspace[..], &["--edges", "normal,build,dev"]].concat());
    // Of what is built twice, for build scripts and for the program, cargo follows the first alone.
    test.extend(packages(&[&workspace[..], &["--edges", "normal,dev"]].concat()));
    let is_google = |package: &String| package.starts_with("google-cloud");
    assert!(!run.iter().chain(&test).any(is_google), "the default build is without Google Cloud");
    assert!(run.len() > 100, "{run:?}");
    let apart: Vec<String> = run.difference(&test).cloned().collect();
    assert_none("`Cargo.toml` names the features that tests ask for", &apart);
}
