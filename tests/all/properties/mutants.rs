//! The properties can fail: broken variants of the tables, and of the statements with which the engine
//! builds them, each a mistake that people really make, and each killed.
//!
//! A mutant is a file of `tests/mutants/`. What kills it stands in `docs/mutants.md`: a case of that
//! property, by its seed, which is all that is tried. `just mutants` looks for all of it anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    time::Duration,
};

use lakebed::{
    contract::TableName,
    verify::{self, Options, Property, Subject, error::shown},
};
use serde::Deserialize;

use super::{
    checks::check_settled,
    project::{Edit, Statement, broken},
};
use crate::harness::{CHECKOUT, expect_file};

const FOLDER: &str = "tests/mutants";
const TABLE: &str = "docs/mutants.md";
/// So long at most until a case fails, and until the failure is small.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(30);
const SHRINK_TIME_MAX: Duration = Duration::from_secs(12);

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
        let table = |edit: &Edit| {
            let layer = edit.file.parent()?.file_name()?.to_str()?;
            Some(TableName::new(layer, edit.file.file_stem()?.to_str()?))
        };
        self.edits.iter().filter_map(table).chain(self.tables.iter().cloned()).collect()
    }

    fn subject(&self) -> Subject {
        broken(&self.edits, &self.statements)
    }
}

/// Who kills a mutant.
#[derive(Clone, Copy)]
enum Killer {
    /// A property of `lakebed verify`, over the broken tables and what they read.
    Law(Property),
    /// What the messages mean, by the oracle of these tests, over all tables.
    Oracle,
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Law(property) => property.fmt(f),
            Self::Oracle => f.write_str("oracle"),
        }
    }
}

/// A mutant killed: where it shows first, in how many messages, of which set.
struct Kill {
    killer: Killer,
    table: String,
    message_count: usize,
    seed: u64,
}

fn mutants() -> BTreeMap<String, Mutant> {
    let entries = fs::read_dir(Path::new(CHECKOUT).join(FOLDER)).expect("there are mutants");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("readable").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let mutant = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, mutant)
    };
    entries.map(read).collect()
}

/// The kills that the table tells of, by mutant.
fn known_kills() -> BTreeMap<String, Kill> {
    let text = fs::read_to_string(Path::new(CHECKOUT).join(TABLE)).unwrap_or_default();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, name, _, killer, table, message_count, seed, _] = cells.as_slice() else {
            return None;
        };
        let kill = Kill {
            killer: match *killer {
                "oracle" => Killer::Oracle,
                property => Killer::Law(property.parse().ok()?),
            },
            table: (*table).to_owned(),
            message_count: message_count.parse().ok()?,
            seed: seed.parse().ok()?,
        };
        Some(((*name).to_owned(), kill))
    };
    text.lines().filter_map(row).collect()
}

/// Tries cases over the broken project until one fails.
fn killed(name: &str, mutant: &Mutant, killer: Killer, options: Options) -> Option<Kill> {
    let subject = mutant.subject();
    let report = match killer {
        Killer::Law(_) => {
            let options = Options { tables: mutant.tables(), ..options };
            verify::run(&subject, &options, None, &|_| {})
        }
        Killer::Oracle => {
            let options = Options { properties: vec![Property::Rebuild], ..options };
            verify::run(&subject, &options, Some(&check_settled), &|_| {})
        }
    };
    let report = report.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
    let failure = report.failure?;
    let killer = match killer {
        Killer::Law(_) => Killer::Law(failure.property),
        Killer::Oracle => Killer::Oracle,
    };
    let table = failure.table().map(ToString::to_string).unwrap_or_default();
    Some(Kill { killer, table, message_count: failure.message_count(), seed: failure.seed })
}

/// Whether what killed a mutant still does.
fn is_killed_by(name: &str, mutant: &Mutant, kill: &Kill) -> bool {
    let options = Options {
        properties: match kill.killer {
            Killer::Law(property) => vec![property],
            Killer::Oracle => Vec::new(),
        },
        seed: kill.seed,
        case_count: 1,
        // Of two workers the other may be the first to try its set.
        jobs: 1,
        shrink_time_max: Duration::ZERO,
        ..Options::default()
    };
    killed(name, mutant, kill.killer, options).is_some()
}

#[test]
fn what_killed_a_mutant_still_does() {
    let (mutants, kills) = (mutants(), known_kills());
    assert!(kills.len() >= 20, "{} mutants are killed", kills.len());
    let mut survivors = Vec::new();
    for (name, kill) in &kills {
        let mutant = mutants.get(name).unwrap_or_else(|| panic!("{name} is no mutant"));
        if !is_killed_by(name, mutant, kill) {
            survivors.push(format!("{name}: {} with seed {} misses it", kill.killer, kill.seed));
        }
    }
    assert!(survivors.is_empty(), "`just mutants` looks anew:\n{}", survivors.join("\n"));
}

/// Looks for what kills each mutant of which the table tells no kill that still holds, makes it small,
/// and writes the table.
#[test]
#[ignore = "it takes half an hour: `just mutants`"]
fn what_kills_each_mutant() {
    let (mutants, mut known) = (mutants(), known_kills());
    let mut kills = BTreeMap::new();
    for (name, mutant) in &mutants {
        let kept = known.remove(name).filter(|kill| is_killed_by(name, mutant, kill));
        let search = |killer: Killer| {
            let options = Options {
                case_count: u64::MAX,
                time_max: Some(SEARCH_TIME_MAX),
                shrink_time_max: SHRINK_TIME_MAX,
                ..Options::default()
            };
            killed(name, mutant, killer, options)
        };
        let kill = kept
            .or_else(|| search(Killer::Law(Property::Rebuild)))
            .or_else(|| search(Killer::Oracle));
        let Some(kill) = kill else {
            eprintln!("{name}: not killed");
            continue;
        };
        let Kill { killer, table, message_count, seed } = &kill;
        eprintln!("{name}: {killer}, {table}, {message_count} messages, seed {seed}");
        kills.insert(name.as_str(), kill);
    }
    expect_file(&Path::new(CHECKOUT).join(TABLE), &table(&mutants, &kills));
}

fn table(mutants: &BTreeMap<String, Mutant>, kills: &BTreeMap<&str, Kill>) -> String {
    let mut counts: Vec<usize> = kills.values().map(|kill| kill.message_count).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or_default();
    let head = format!(
        "# Mutants\n\n\
         Broken variants of the shipped tables, each a mistake that people really make, and which\n\
         property of [`lakebed verify`](verify.md) kills it: in which table it shows first, and in how\n\
         few messages. A test repeats each case by its seed; `just mutants` looks for all of it anew, for\n\
         {} s each, and writes this page. `oracle` is what the messages mean, as the tests know it\n\
         (`tests/all/properties/oracle/`), for mistakes that every way of building makes alike. {} of {}\n\
         are killed; the median takes {median} messages.\n\n\
         | mutant | mistake | property | table | messages | seed |\n|---|---|---|---|---|---|\n",
        SEARCH_TIME_MAX.as_secs(),
        kills.len(),
        mutants.len()
    );
    let killed = kills.iter().map(|(name, Kill { killer, table, message_count, seed })| {
        let about = &mutants[*name].about;
        format!("| `{name}` | {about} | `{killer}` | `{table}` | {message_count} | {seed} |\n")
    });
    let is_alive = |(name, _): &(&String, &Mutant)| !kills.contains_key(name.as_str());
    let survivor =
        |(name, mutant): (&String, &Mutant)| format!("| `{name}` | {} |\n", mutant.about);
    let survivors: Vec<String> = mutants.iter().filter(is_alive).map(survivor).collect();
    if survivors.is_empty() {
        return head + &killed.collect::<String>();
    }
    let alive = "\n## Not killed in that time, or not looked for yet\n\n\
                 | mutant | mistake |\n|---|---|\n";
    head + &killed.collect::<String>() + alive + &survivors.concat()
}
