//! Mutants that were thought of: each a mistake that people really make.
//!
//! A mutant is a folder of `tests/mutants/`: the mistake, and the trial that kills it, as
//! `lakebed verify` writes one: it fails over the broken project, and holds over the right one. A new
//! mutant is only its `mutant.toml`; `just mutants` looks for what kills it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lakebed::{
    contract::TableName,
    verify::{
        Options, Subject,
        error::shown,
        folder::{self, Repeat},
    },
};
use serde::Deserialize;

use super::{
    super::{
        checks::check_settled,
        project::{Edit, Statement, broken, subject},
    },
    for_seconds, in_parallel, killed, locked, problem, search,
};
use crate::harness::{CHECKOUT, expect_file};

const FOLDER: &str = "tests/mutants";
const TABLE: &str = "docs/mutants.md";
/// So long at most until a case fails, and until the failure is small.
const SEARCH_SECONDS: u64 = 20;
const SHRINK_SECONDS: u64 = 10;

/// A mistake.
#[derive(Deserialize)]
struct Mutant {
    about: String,
    /// In the project's files.
    #[serde(default)]
    edits: Vec<Edit>,
    /// In the engine's statements.
    #[serde(default)]
    statements: Vec<Statement>,
    /// The tables that are built, if not those of the edits.
    #[serde(default)]
    tables: BTreeSet<TableName>,
}

impl Mutant {
    /// The tables that are built: those that it names, or those whose files are changed.
    fn tables(&self) -> BTreeSet<TableName> {
        self.edits.iter().filter_map(Edit::table).chain(self.tables.iter().cloned()).collect()
    }

    fn subject(&self) -> Subject {
        broken(&self.edits, &self.statements)
    }
}

fn mutants() -> BTreeMap<String, Mutant> {
    let entries = fs::read_dir(Path::new(CHECKOUT).join(FOLDER)).expect("there are mutants");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(path.join("mutant.toml")).expect("readable");
        let mutant = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, mutant)
    };
    entries.map(read).collect()
}

fn folder_of(name: &str) -> PathBuf {
    Path::new(CHECKOUT).join(FOLDER).join(name)
}

/// The trial that kills a mutant, if one is known.
fn repeat(name: &str) -> Option<Repeat> {
    let folder = folder_of(name);
    let is_known = folder.join("schedule.json").exists();
    let read = || folder::read(&folder).unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
    is_known.then(read)
}

/// A mutant killed: in how many messages, and its line of the page.
type Line = (usize, String);

/// The line of a mutant, or what is wrong.
fn line_of(name: &str, mutant: &Mutant) -> Result<Line, String> {
    let repeat = repeat(name).ok_or_else(|| format!("{name}: nothing is known that kills it"))?;
    let right = subject();
    let (scope, _) = right.scope(&repeat.tables).map_err(|error| shown(&error))?;
    if let Some(problem) = problem(&scope, &repeat.trial, Some(&check_settled)) {
        return Err(format!("{name}: the right project fails, too: {problem:?}"));
    }
    let (killer, table) =
        killed(&mutant.subject(), &repeat).ok_or_else(|| format!("{name}: it lives now"))?;
    let count = repeat.trial.message_ids().len();
    let about = &mutant.about;
    Ok((count, format!("| `{name}` | {about} | `{killer}` | `{table}` | {count} |\n")))
}

#[test]
fn mutants_are_killed() {
    let mutants = mutants();
    let lines = Mutex::new(BTreeMap::new());
    in_parallel(mutants.iter(), |(name, mutant)| {
        let line = line_of(name, mutant);
        locked(&lines).insert(name, line);
    });
    let lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut killed, mut wrong) = (Vec::new(), Vec::new());
    for line in lines.into_values() {
        match line {
            Ok(line) => killed.push(line),
            Err(problem) => wrong.push(problem),
        }
    }
    assert!(wrong.is_empty(), "`just mutants` looks anew:\n{}", wrong.join("\n"));
    expect_file(&Path::new(CHECKOUT).join(TABLE), &page(&killed));
}

/// Looks for what kills each mutant that lives, and keeps it in the mutant's folder.
#[test]
#[ignore = "a minute for each mutant that nothing kills yet: `just mutants`"]
fn what_kills_each_mutant() {
    let mut alive = Vec::new();
    for (name, mutant) in &mutants() {
        let subject = mutant.subject();
        if repeat(name).is_some_and(|repeat| killed(&subject, &repeat).is_some()) {
            continue;
        }
        let options =
            Options { tables: mutant.tables(), ..for_seconds(SEARCH_SECONDS, SHRINK_SECONDS) };
        let Some(failure) = search(&subject, &options) else {
            eprintln!("{name}: not killed");
            alive.push(name.clone());
            continue;
        };
        eprintln!("{name}: {} messages, seed {}", failure.message_count(), failure.seed);
        folder::write_trial(&failure, &folder_of(name)).expect("writable");
    }
    assert!(alive.is_empty(), "alive: {}", alive.join(", "));
}

fn page(killed: &[Line]) -> String {
    let mut counts: Vec<usize> = killed.iter().map(|(count, _)| *count).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or_default();
    let most = counts.last().copied().unwrap_or_default();
    let head = format!(
        "# Mutants\n\n\
         {} broken variants of the shipped tables and of the engine's statements, all killed. Each is a\n\
         mistake that people really make. Here is which property of [`lakebed verify`](verify.md) kills it: in which\n\
         table it shows first, and in how few messages (median {median}, at most {most}). The trials\n\
         stand beside the mutants in `tests/mutants/`, and a test repeats them all: each fails over the\n\
         broken project and holds over the right one. `oracle` is what the messages mean, as the tests\n\
         know it (`tests/all/properties/oracle/`), for mistakes that every way of building makes alike\n\
         and of which the simulator keeps no number. `just mutants` looks for what kills new ones.\n\n\
         | mutant | mistake | property | table | messages |\n|---|---|---|---|---|\n",
        killed.len(),
    );
    killed.iter().fold(head, |page, (_, line)| page + line)
}
