//! What is checked: the files of a project, and any others.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Checker, Options, agreement::agreement, finding::Finding};
use crate::{
    contract::{BuildKind, TableName, file::TableFile},
    diagnostic::FileError,
    graph::{self, Problem},
    project::{LAYERS, Project, ProjectFiles},
    query::{Context, Facts, catalog::Catalog, source::Source},
    rules::{Rule, files},
    sql::{reads::parse_query, tokens::TokenError},
};

/// The layer of a file with a contract that lies in no layer's folder.
const LAYER_OF_OTHERS: &str = "mart";

/// A file that is not the project's.
#[derive(Clone, Debug)]
pub struct ExtraFile {
    /// As the user knows it.
    pub path: PathBuf,
    /// The whole file.
    pub text: Arc<str>,
}

/// What was checked, and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// The findings by file and place.
    pub findings: Vec<Finding>,
    /// How many files were checked.
    pub file_count: usize,
}

/// Checks a project, or only those of its files that are `wanted`, and other files beside it.
pub fn check(
    files: &ProjectFiles,
    wanted: Option<&BTreeSet<PathBuf>>,
    extra: Vec<ExtraFile>,
    options: Options,
) -> Checked {
    let (mut project, errors) = Project::parse_all(files);
    let mut findings: Vec<Finding> = errors.iter().map(|e| finding(&files::FILE, e)).collect();
    let mut paths: BTreeSet<PathBuf> = match wanted {
        Some(wanted) => wanted.clone(),
        None => project.tables.values().map(|file| file.path.clone()).collect(),
    };
    let mut queries = Vec::new();
    for file in extra {
        paths.insert(file.path.clone());
        if !file.text.trim_start().starts_with("/*") {
            queries.push(file);
            continue;
        }
        match TableFile::parse(name_of(&file.path), &file.path, file.text) {
            Ok(table) => {
                project.tables.insert(table.name.clone(), table);
            }
            Err(error) => findings.push(finding(&files::FILE, &error)),
        }
    }
    let catalog = Catalog::new(&project);
    for file in project.tables.values().filter(|file| paths.contains(&file.path)) {
        findings.extend(table(&project, &catalog, file, options));
    }
    for file in &queries {
        let whole = trimmed(&file.text);
        let path = &file.path;
        findings.extend(text_alone(&project, &catalog, path, &file.text, whole, options));
    }
    findings.extend(graph_problems(&project));
    findings.retain(|found| paths.contains(&found.path) || wanted.is_none());
    findings.retain(|found| !is_allowed(found));
    findings.sort_by_key(|found| (found.path.clone(), found.span.start, found.rule.code));
    Checked { findings, file_count: paths.len() }
}

/// Whether a comment above it, in the same paragraph or on the same line, says `lakebed:allow LB081:`
/// and why.
fn is_allowed(found: &Finding) -> bool {
    let at = found.span.start.min(found.text.len());
    let start = found.text[..at].rfind("\n\n").map_or(0, |blank| blank + 2);
    let end = found.text[at..].find('\n').map_or(found.text.len(), |length| at + length);
    found.text[start..end].lines().any(|line| {
        let Some((_, said)) = line.split_once("lakebed:allow ") else { return false };
        let reason = said.trim_start().strip_prefix(found.rule.code);
        reason.is_some_and(|reason| !reason.trim_matches([':', ' ', '*', '/']).is_empty())
    })
}

fn name_of(path: &Path) -> TableName {
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let is_folder = |layer: &&&str| folder == Some(**layer);
    let layer = LAYERS.iter().find(is_folder).copied().unwrap_or(LAYER_OF_OTHERS);
    let stem = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    TableName::new(layer, &stem.to_lowercase())
}

fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    let end = start + text.trim().trim_end_matches(';').trim_end().len();
    start..end.max(start)
}

fn finding(rule: &'static Rule, error: &FileError) -> Finding {
    Finding {
        rule,
        path: error.path(),
        text: error.text(),
        span: error.span(),
        message: error.to_string(),
        help: error.advice().map(str::to_owned),
    }
}

/// What the graph of tables finds wrong: parameters, circles, declared reads.
fn graph_problems(project: &Project) -> Vec<Finding> {
    let rule = |problem: Problem| match problem {
        Problem::Parameter => &files::PARAMETER,
        Problem::Circle => &files::CIRCLE,
        Problem::Reads => &files::READS_CONTRACT,
    };
    graph::problems(project)
        .into_iter()
        .map(|(problem, error)| finding(rule(problem), &error))
        .collect()
}

fn table(project: &Project, catalog: &Catalog, file: &TableFile, options: Options) -> Vec<Finding> {
    let source = match Source::new(file.path.clone(), file.text.clone(), file.query_span()) {
        Ok(source) => source,
        Err(error) => return vec![syntax(&file.path, &file.text, &file.query_span(), &error)],
    };
    let context = Context { project, catalog, table: Some(file) };
    let mut checker = Checker::new(&source, context, options);
    checker.contract(file);
    if file.contract.build == BuildKind::Seed {
        return checker.findings;
    }
    checker.tokens();
    match parse_query(source.query()) {
        // What a token's finding explains is not said again in the parser's words.
        Err(_) if !checker.findings.is_empty() => {}
        Err(error) => {
            let found = syntax(&file.path, &file.text, &file.query_span(), &error);
            checker.findings.push(found);
        }
        Ok(query) => {
            let facts = Facts::of(&query, &source, context);
            checker.judge(&facts);
            checker.problems(&agreement(file, &facts));
        }
    }
    checker.findings
}

/// A query without a contract.
fn text_alone(
    project: &Project,
    catalog: &Catalog,
    path: &Path,
    text: &Arc<str>,
    sql: Range<usize>,
    options: Options,
) -> Vec<Finding> {
    let source = match Source::new(path.to_path_buf(), text.clone(), sql.clone()) {
        Ok(source) => source,
        Err(error) => return vec![syntax(path, text, &sql, &error)],
    };
    let context = Context { project, catalog, table: None };
    let mut checker = Checker::new(&source, context, options);
    checker.tokens();
    match parse_query(source.query()) {
        Err(_) if !checker.findings.is_empty() => {}
        Err(error) => checker.findings.push(syntax(path, text, &sql, &error)),
        Ok(query) => checker.judge(&Facts::of(&query, &source, context)),
    }
    checker.findings
}

fn syntax(path: &Path, text: &Arc<str>, sql: &Range<usize>, error: &TokenError) -> Finding {
    let start = (sql.start + error.offset).min(sql.end);
    let rest = &text[start..sql.end];
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    Finding {
        rule: &files::SYNTAX,
        path: path.to_path_buf(),
        text: text.clone(),
        span: start..start + word.max(first),
        message: error.message.clone(),
        help: None,
    }
}
