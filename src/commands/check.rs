//! `lakebed check`: checks queries and contracts without running anything.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;

use super::{
    Failure, open,
    output::{self, Page},
    summary::counted,
};
use crate::{
    check::{self, Checked, ExtraFile, Options, finding::Finding, sarif::Log},
    cli::{CheckArgs, Place},
    diagnostic::FileError,
    rules::{self, Rule, Severity},
};

/// Checks and prints; findings make the status 1.
pub fn check(place: &Place, args: &CheckArgs) -> Result<(), Failure> {
    if let Some(code) = &args.explain {
        return explain(place, code);
    }
    let started = Instant::now();
    let files = open::files(place)?;
    let options = Options { is_for_spark: args.spark };
    let checked = if args.paths.is_empty() {
        check::check(&files, None, Vec::new(), options)
    } else {
        let (wanted, extra) = targets(place, &args.paths)?;
        check::check(&files, Some(&wanted), extra, options)
    };
    let elapsed_ms = started.elapsed().as_millis();
    let text = if args.sarif {
        pretty(&json!(Log::new(&checked.findings)))
    } else if place.json {
        pretty(&json!({
            "file_count": checked.file_count,
            "elapsed_ms": elapsed_ms,
            "findings": checked.findings.iter().map(to_json).collect::<Vec<_>>(),
        }))
    } else {
        render(&checked, elapsed_ms)
    };
    output::print(&text)?;
    if checked.findings.is_empty() { Ok(()) } else { Err(Failure::said()) }
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// The project's own files among the paths, and the other ones.
fn targets(
    place: &Place,
    paths: &[PathBuf],
) -> Result<(BTreeSet<PathBuf>, Vec<ExtraFile>), Failure> {
    let root = place.project_folder().and_then(|folder| folder.canonicalize().ok());
    let mut wanted = BTreeSet::new();
    let mut extra = Vec::new();
    for path in sql_files(paths)? {
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let own = root.as_ref().and_then(|root| whole.strip_prefix(root).ok());
        match own.filter(|own| own.starts_with("layers")) {
            Some(own) if own.starts_with("layers/functions") => {}
            Some(own) => {
                wanted.insert(own.to_path_buf());
            }
            None => extra.push(ExtraFile { text: read(&path)?.into(), path }),
        }
    }
    Ok((wanted, extra))
}

/// The files of SQL at and under the paths, in order.
fn sql_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let unreadable = |error| unreadable(path, &error);
        let entries = fs::read_dir(path).map_err(unreadable)?;
        let mut inner: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        inner.retain(|path| path.is_dir() || path.extension().is_some_and(|e| e == "sql"));
        inner.sort();
        found.extend(sql_files(&inner)?);
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
        .hint("give files and folders that there are")
}

fn to_json(found: &Finding) -> serde_json::Value {
    json!({
        "code": found.rule.code,
        "name": found.rule.name,
        "severity": found.rule.severity,
        "path": found.path,
        "start": found.start(),
        "end": found.end(),
        "message": found.message,
        "why": found.rule.why,
        "instead": found.instead(),
    })
}

fn render(checked: &Checked, elapsed_ms: u128) -> String {
    let mut page = Page::default();
    for found in &checked.findings {
        let shown = FileError::new(&found.path, &found.text, found.span.clone(), heading(found))
            .with_label(label(found))
            .with_help(found.instead());
        page.line(format_args!("{:?}", miette::Report::new(shown)));
    }
    let count = checked.findings.len();
    let files = counted(checked.file_count as u64, "file");
    match checked.findings.as_slice() {
        [] => page.line(format_args!("No finding in {files} ({elapsed_ms} ms).")),
        [only] => page.line(format_args!(
            "1 finding in {files}. `lakebed check --explain {}` says why.",
            only.rule.code
        )),
        _ => page.line(format_args!(
            "{count} findings in {files}. `lakebed check --explain CODE` says why."
        )),
    }
    page.as_str().to_owned()
}

fn heading(found: &Finding) -> String {
    format!("{} {}: {}", found.rule.code, found.rule.name, found.message)
}

fn label(found: &Finding) -> &'static str {
    match found.rule.severity {
        Severity::Error => "here",
        Severity::Warning => "see whether this is meant",
    }
}

fn explain(place: &Place, code: &str) -> Result<(), Failure> {
    let found: Vec<&Rule> = if code == "all" {
        rules::all().collect()
    } else {
        rules::find(code).into_iter().collect()
    };
    if found.is_empty() {
        return Err(Failure::usage(format!("there is no rule `{code}`"))
            .hint("`lakebed check --explain all` lists them"));
    }
    if place.json {
        let rules: Vec<_> = found.iter().map(|rule| rule_json(rule)).collect();
        return output::print(&pretty(&json!(rules)));
    }
    let mut page = Page::default();
    for rule in found {
        page.line(format_args!("{} {}: {}", rule.code, rule.name, rule.about));
        page.line(format_args!("  Why: {}", rule.why));
        page.line(format_args!("  Instead: {}", rule.instead));
        if !rule.bad.is_empty() {
            page.line(format_args!("  Bad:  {}", rule.bad.replace('\n', "\n        ")));
            page.line(format_args!("  Good: {}", rule.good.replace('\n', "\n        ")));
        }
    }
    output::print(page.as_str())
}

fn rule_json(rule: &Rule) -> serde_json::Value {
    json!({
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "about": rule.about,
        "why": rule.why,
        "instead": rule.instead,
        "bad": rule.bad,
        "good": rule.good,
    })
}
