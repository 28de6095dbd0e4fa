//! The checker: each bad file has its expected findings beside it, and good files have none.
//!
//! `tests/check/bad/**/<name>.sql` is checked alone, over the shipped project; what is found stands
//! in `<name>.txt`, a line each: code, name, place, message. Blessing rewrites it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lakebed::{
    check::{Checked, ExtraFile, Options, check, document, finding::Finding, rules},
    portable::constructs::CONSTRUCTS,
    project::ProjectFiles,
};
use serde_json::Value;

use crate::harness::{CHECKOUT, World, expect_file, files_under};

/// Longer than checking all of it takes on a busy machine, in a build that is not optimised.
const ELAPSED_MAX: Duration = Duration::from_secs(5);

fn folder(name: &str) -> PathBuf {
    Path::new(CHECKOUT).join("tests/check").join(name)
}

fn sql_files(name: &str) -> Vec<PathBuf> {
    files_under(&folder(name), &|path| path.extension().is_some_and(|e| e == "sql"))
}

/// Checks a text alone, over the shipped project.
fn findings_of(path: &Path, text: &str) -> Vec<Finding> {
    let extra = ExtraFile { path: path.to_path_buf(), text: text.into() };
    let wanted = BTreeSet::new();
    check(&ProjectFiles::embedded(), Some(&wanted), vec![extra], Options::default()).findings
}

fn findings_of_file(path: &Path) -> Vec<Finding> {
    findings_of(path, &fs::read_to_string(path).expect("readable"))
}

/// A line for each finding.
fn shown(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, found| {
        let (start, end) = (found.start(), found.end());
        let _ = writeln!(
            text,
            "{} {} {}:{}-{}:{} {}",
            found.rule.code,
            found.rule.name,
            start.line,
            start.column,
            end.line,
            end.column,
            found.message
        );
        text
    })
}

#[test]
fn bad_files_are_found() {
    let files = sql_files("bad");
    assert!(files.len() >= 60, "{} bad files", files.len());
    for path in files {
        let findings = findings_of_file(&path);
        assert!(!findings.is_empty(), "{}: nothing was found", path.display());
        expect_file(&path.with_extension("txt"), &shown(&findings));
    }
}

#[test]
fn every_rule_is_seen_to_be_broken() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for path in sql_files("bad") {
        for found in findings_of_file(&path) {
            *seen.entry(found.rule.code).or_default() += 1;
        }
    }
    // A circle takes two files, and Spark an option: both have tests of their own.
    let elsewhere = ["LB004", "LB037"];
    let unseen: Vec<&str> = rules::all()
        .map(|rule| rule.code)
        .filter(|code| !seen.contains_key(code) && !elsewhere.contains(code))
        .collect();
    assert!(unseen.is_empty(), "no bad file breaks {}", unseen.join(", "));
}

#[test]
fn good_files_are_not_found() {
    for path in sql_files("good") {
        let findings = findings_of_file(&path);
        assert!(findings.is_empty(), "{}:\n{}", path.display(), shown(&findings));
    }
}

#[test]
fn shipped_tables_are_not_found_and_soon() {
    let files = ProjectFiles::embedded();
    let started = Instant::now();
    let Checked { findings, file_count } = check(&files, None, Vec::new(), Options::default());
    let elapsed = started.elapsed();
    assert!(findings.is_empty(), "{}", shown(&findings));
    assert!(file_count > 10, "{file_count} files");
    assert!(elapsed < ELAPSED_MAX, "{elapsed:?} for {file_count} files");
}

#[test]
fn examples_of_rules_do_as_they_say() {
    for rule in rules::all().filter(|rule| !rule.bad.is_empty()) {
        let path = Path::new("example.sql");
        let found = findings_of(path, rule.bad);
        let has_it = found.iter().any(|finding| finding.rule.code == rule.code);
        assert!(has_it, "{} is not found in {}\n{}", rule.code, rule.bad, shown(&found));
        let found = findings_of(path, rule.good);
        assert!(found.is_empty(), "{}: {}\n{}", rule.code, rule.good, shown(&found));
    }
}

#[test]
fn examples_of_constructs_are_good() {
    for construct in CONSTRUCTS.iter() {
        let found = findings_of(Path::new("example.sql"), &construct.example);
        assert!(found.is_empty(), "{}: {}\n{}", construct.name, construct.example, shown(&found));
    }
}

#[test]
fn the_page_on_portable_sql_is_up_to_date() {
    let path = Path::new(CHECKOUT).join("docs/portable-sql.md");
    expect_file(&path, &document::markdown());
}

#[test]
fn spark_takes_less() {
    let extra = ExtraFile {
        path: "query.sql".into(),
        text: "select initial from (select left(user_id, 1) as initial from vault.hub_user) \
               where ends_with(initial, 'x')"
            .into(),
    };
    let wanted = BTreeSet::new();
    let options = Options { is_for_spark: true };
    let found = check(&ProjectFiles::embedded(), Some(&wanted), vec![extra], options).findings;
    let codes: Vec<&str> = found.iter().map(|finding| finding.rule.code).collect();
    assert_eq!(codes, ["LB037"], "{}", shown(&found));
}

#[test]
fn mistakes_in_a_project_are_findings_each_at_its_place() {
    let mut files = ProjectFiles::embedded();
    let mut edit = |path: &str, old: &str, new: &str| {
        let text = files.get(Path::new(path)).expect("it is shipped").replacen(old, new, 1);
        files.insert(path, &text);
    };
    edit(
        "layers/dimensional/fact_event.sql",
        "from vault.nhl_mobile_event",
        "from dimensional.fact_user_day",
    );
    edit("layers/vault/hub_functionality.sql", "group by functionality", "group by funtionality");
    edit("layers/raw/db_users.toml", "type = \"INT64\"", "type = \"INT\"");
    let found = check(&files, None, Vec::new(), Options::default()).findings;
    let text = shown(&found);
    for (code, message) in [
        ("LB001", "unknown variant `INT`"),
        ("LB004", "a circle: dimensional.fact_"),
        ("LB011", "there is no column `funtionality`"),
    ] {
        let has = |line: &str| line.starts_with(code) && line.contains(message);
        assert!(text.lines().any(has), "{code} {message} is not in\n{text}");
    }
}

#[test]
fn the_command_tells_findings_from_mistakes_in_its_use() {
    let world = World::new().with_project();
    let _ = world.lakebed("check").run().status(0).stdout_contains("No finding in");
    let query = world.folder().join("query.sql");
    fs::write(&query, "select user_key\nfrom vault.hub_user\n").expect("writable");
    let on_query = format!("check {}", query.display());
    let said = world.lakebed(&on_query).run().status(1).stdout_contains("LB011 unknown-column");
    let said =
        said.stdout_contains("did you mean `user_hk`?").stdout_contains("1 finding in 1 file");
    let _ = said.lacks("panicked");
    let _ = world.lakebed("check no_such_file.sql").run().status(2).stderr_contains("cannot read");
    let _ = world.lakebed("check --explain LB999").run().status(2).stderr_contains("no rule");
    let _ = world.lakebed("check --explain ties").run().status(0).stdout_contains("LB081 ties");
    // A file of the project is checked as what it is.
    let mart = world.project().join("layers/mart/daily_active_users.sql");
    let undo = world.edit(
        "layers/mart/daily_active_users.sql",
        "date_sub(@from_date, interval 27 day)",
        "date_sub(@from_date, interval 28 day)",
    );
    let on_mart = format!("check {}", mart.display());
    let _ = world.lakebed(&on_mart).run().status(1).stdout_contains("LB072 undeclared-reads");
    let _ = world.lakebed("check").run().status(1).stdout_contains("LB072 undeclared-reads");
    undo.undo();
    let _ = world.lakebed(&on_mart).run().status(0);
}

#[test]
fn json_and_sarif_say_the_same() {
    let world = World::new();
    let query = world.folder().join("query.sql");
    fs::write(&query, "select 'é', user_key from vault.hub_user\n").expect("writable");
    let json = world.lakebed(&format!("check --json {}", query.display())).run().status(1).json();
    let found = &json["findings"][0];
    assert_eq!(found["code"], "LB011");
    assert_eq!(found["start"], serde_json::json!({ "line": 1, "column": 13 }));
    for field in ["name", "severity", "path", "end", "message", "why", "instead"] {
        assert!(!found[field].is_null(), "{field} is missing in {found}");
    }
    let sarif = world.lakebed(&format!("check --sarif {}", query.display())).run().status(1).json();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let descriptors = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
    assert_eq!(result["ruleId"], descriptors[index]["id"]);
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["startColumn"]), (&Value::from(1), &Value::from(13)));
    assert_eq!(result["level"], "error");
    let message = result["message"]["text"].as_str().expect("a text");
    assert!(message.starts_with(found["message"].as_str().expect("a text")), "{message}");
}
