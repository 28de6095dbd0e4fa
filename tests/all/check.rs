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
    check::{Checked, ExtraFile, Options, check, document, finding::Finding},
    portable::constructs::CONSTRUCTS,
    rules,
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

/// Checks texts beside the shipped project, all at once, and gives what is found in each.
fn check_all(extra: Vec<ExtraFile>, options: Options) -> BTreeMap<PathBuf, Vec<Finding>> {
    let mut found: BTreeMap<PathBuf, Vec<Finding>> =
        extra.iter().map(|file| (file.path.clone(), Vec::new())).collect();
    let wanted = BTreeSet::new();
    for finding in check(&lakebed_files::embedded(), Some(&wanted), extra, options).findings {
        found.get_mut(&finding.path).expect("only these are checked").push(finding);
    }
    found
}

fn findings_of_files(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Vec<Finding>> {
    let read = |path: PathBuf| ExtraFile {
        text: fs::read_to_string(&path).expect("readable").into(),
        path,
    };
    check_all(paths.into_iter().map(read).collect(), Options::default())
}

/// Checks queries, each by the name that it is given.
fn findings_of_queries(queries: &[(String, &str)]) -> BTreeMap<PathBuf, Vec<Finding>> {
    let file =
        |(name, text): &(String, &str)| ExtraFile { path: name.into(), text: (*text).into() };
    check_all(queries.iter().map(file).collect(), Options::default())
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
    let found = findings_of_files(files);
    for (path, findings) in &found {
        assert!(!findings.is_empty(), "{}: nothing was found", path.display());
        expect_file(&path.with_extension("txt"), &shown(findings));
    }
    // A circle takes two files: it has a test of its own.
    let elsewhere = ["LB004"];
    let seen: BTreeSet<&str> = found.values().flatten().map(|finding| finding.rule.code).collect();
    let unseen: Vec<&str> = rules::all()
        .map(|rule| rule.code)
        .filter(|code| !seen.contains(code) && !elsewhere.contains(code))
        .collect();
    assert!(unseen.is_empty(), "no bad file breaks {}", unseen.join(", "));
}

#[test]
fn good_files_are_not_found() {
    for (path, findings) in findings_of_files(sql_files("good")) {
        assert!(findings.is_empty(), "{}:\n{}", path.display(), shown(&findings));
    }
}

#[test]
fn shipped_tables_are_not_found_and_soon() {
    let files = lakebed_files::embedded();
    let started = Instant::now();
    let Checked { findings, file_count } = check(&files, None, Vec::new(), Options::default());
    let elapsed = started.elapsed();
    assert!(findings.is_empty(), "{}", shown(&findings));
    assert!(file_count > 10, "{file_count} files");
    assert!(elapsed < ELAPSED_MAX, "{elapsed:?} for {file_count} files");
}

#[test]
fn examples_of_rules_do_as_they_say() {
    let rules: Vec<_> = rules::all().filter(|rule| !rule.bad.is_empty()).collect();
    let bad: Vec<_> = rules.iter().map(|rule| (format!("{}.sql", rule.code), rule.bad)).collect();
    let good: Vec<_> = rules.iter().map(|rule| (format!("{}.sql", rule.code), rule.good)).collect();
    for (path, found) in findings_of_queries(&bad) {
        let has_it =
            found.iter().any(|finding| path.starts_with(format!("{}.sql", finding.rule.code)));
        assert!(has_it, "{} does not break its rule\n{}", path.display(), shown(&found));
    }
    for (path, found) in findings_of_queries(&good) {
        assert!(found.is_empty(), "{} is no good\n{}", path.display(), shown(&found));
    }
}

#[test]
fn examples_of_constructs_are_good() {
    let examples: Vec<_> = CONSTRUCTS
        .iter()
        .map(|construct| (construct.name.replace('/', "by"), construct.example.as_str()))
        .collect();
    for (path, found) in findings_of_queries(&examples) {
        assert!(found.is_empty(), "{}\n{}", path.display(), shown(&found));
    }
}

#[test]
fn the_page_on_portable_sql_is_up_to_date() {
    let path = Path::new(CHECKOUT).join("docs/portable-sql.md");
    expect_file(&path, &document::markdown());
}

#[test]
fn spark_takes_less() {
    let text = "select initial from (select left(user_id, 1) as initial from vault.hub_user) \
                where regexp_contains(initial, 'x')";
    let extra = ExtraFile { path: "query.sql".into(), text: text.into() };
    let found = check_all(vec![extra], Options { is_for_spark: true });
    let codes: Vec<&str> = found.values().flatten().map(|finding| finding.rule.code).collect();
    assert_eq!(codes, ["LB037"]);
}

#[test]
fn mistakes_in_a_project_are_findings_each_at_its_place() {
    let mut files = lakebed_files::embedded();
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
    fs::write(&query, "select user_hkk\nfrom vault.hub_user\n").expect("writable");
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
        "date_sub(@from_date, interval 28 day)",
        "date_sub(@from_date, interval 29 day)",
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
