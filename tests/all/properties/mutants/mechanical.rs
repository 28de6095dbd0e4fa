//! Mutants that a machine makes of every shipped query.
//!
//! `lakebed check` sees some without running them. Of the others: the shipped query is right in every
//! window and at every cut, that is what the properties and the oracle hold it to, on these very sets
//! of messages. So a mutant is dead when, over the tables that a right build left, it gives other rows
//! than the shipped query, in any window or at any cut. That takes milliseconds, where a whole case
//! takes a second. What lives is listed with the reason, in `tests/equivalent_mutants.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lakebed::{
    builder::{cut, tasks},
    check::{Options, check},
    contract::{BuildKind, TableName},
    graph::Node,
    pipeline::Pipeline,
    recipe::{Task, select},
    sql::bind::{Literal, Parameters, bind},
    verify::{Draw, Scope, dice::Dice, lake::Lake, message::Sent, trial::ALL_DAYS},
    warehouse::Session,
};
use serde::Deserialize;
use sim::Source;

use super::{
    super::{
        checks::{build_all, check_settled},
        project::{SIZE_MAX, lake_over, land, project_files, scope, subject, with_query},
    },
    in_parallel, locked,
    operators::{Change, changes},
};
use crate::harness::{CHECKOUT, expect_file};

const EQUIVALENT: &str = "tests/equivalent_mutants.toml";
const PAGE: &str = "docs/mechanical-mutants.md";
/// Sets of messages.
const SET_COUNT: u64 = 60;
/// Sets for mutants that are known to live.
const KNOWN_SET_COUNT: u64 = 2;

/// Tables that read the same sources: sets of these are dense in what matters to them.
struct Group {
    scope: Scope<'static>,
    /// By index.
    mutants: Vec<usize>,
}

/// A mutant: a table, and its query with a mistake.
#[derive(Clone, Debug)]
struct Mutant {
    table: TableName,
    /// The table's file, and its whole text.
    path: PathBuf,
    text: String,
    change: Change,
}

/// Mutants that live, and why nobody can tell them from the right query.
#[derive(Clone, Debug, Deserialize)]
struct Equivalent {
    reason: String,
    operator: String,
    tables: BTreeSet<TableName>,
    /// What the lines become; none: all mutants of that operator that live.
    #[serde(default)]
    lines: BTreeSet<String>,
}

impl Equivalent {
    fn is_of(&self, Mutant { table, change, .. }: &Mutant) -> bool {
        self.operator == change.operator
            && self.tables.contains(table)
            && (self.lines.is_empty() || self.lines.contains(&change.becomes))
    }
}

#[derive(Deserialize)]
struct EquivalentFile {
    equivalent: Vec<Equivalent>,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Alive,
    /// It gives other rows, on the first set of messages.
    KilledAtOnce,
    /// The checker has something to say.
    Found,
    /// It gives other rows, on another set.
    Killed,
    /// It cannot be run.
    Stillborn,
}

fn mutants() -> Vec<Mutant> {
    let variant = scope().variant(sim::Limits { max_lateness_days: 1, max_skew_days: 1 });
    let variant = variant.expect("the project is right");
    let of = |node: &Node| {
        let mutant = |change: Change| {
            let text = with_query(node, &change.query);
            Mutant { table: node.name().clone(), path: node.file.path.clone(), text, change }
        };
        changes(node.file.query()).into_iter().map(mutant).collect::<Vec<_>>()
    };
    let has_query = |node: &&Node| node.build() != BuildKind::Seed;
    variant.graph.in_order().filter(has_query).flat_map(of).collect()
}

/// A way to run a table's query.
#[derive(Clone, Copy)]
enum Way {
    /// All days at once, over an empty table.
    Whole,
    /// A day, or the history from its first change, once more.
    Window,
    /// The same, with rows in the table itself that the query must not look at.
    Strange,
}

/// A run of a table's query.
struct Run {
    values: Parameters,
    /// What makes the table itself what it must be for it.
    before: Vec<String>,
}

/// The runs of a table's query over a lake.
fn runs(pipeline: &Pipeline, node: &Node, session: &mut dyn Session) -> Vec<Run> {
    let planner = pipeline.planner();
    let all = planner.fresh_again(node, &BTreeSet::new());
    let wide = tasks(planner, node, &all, ALL_DAYS);
    let narrow = tasks(planner, node, &all, 1);
    let mut runs: Vec<Run> = wide.iter().map(|task| run(node, task, session, Way::Whole)).collect();
    if wide.len() < narrow.len() || node.build() == BuildKind::History {
        runs.extend(narrow.iter().map(|task| run(node, task, session, Way::Window)));
    }
    if node.build() == BuildKind::History {
        runs.extend(narrow.iter().map(|task| run(node, task, session, Way::Strange)));
    }
    runs
}

fn run(node: &Node, task: &Task, session: &mut dyn Session, way: Way) -> Run {
    let cut = cut(session, node, task.window).expect("a cut");
    let before = match (way, &cut) {
        (Way::Whole, Some(_)) => vec![format!("delete from {} where true", node.name())],
        (Way::Strange, Some(cut)) => strange_rows(node, cut),
        _ => Vec::new(),
    };
    Run { values: select::parameters(node, task.window, &task.calendar, cut), before }
}

/// Rows at the cut and after it: they are what is replaced, and nothing may follow from them.
fn strange_rows(node: &Node, cut: &Literal) -> Vec<String> {
    let table = node.name();
    let insert = |later: &str| {
        format!(
            "insert into {table} select * replace (cast({cut} as timestamp) + interval {later} \
             microsecond as valid_from, timestamp '9999-12-31' as valid_to) from {table} \
             where valid_from > timestamp '0001-01-01'"
        )
    };
    // The second one copies what the first one put there, too.
    vec![insert("0"), insert("1")]
}

/// Rows as their count and a sum of hashes; `None` if the query cannot be run.
type Rows = Option<Vec<Option<String>>>;

/// The rows of a query.
fn rows(lake: &Lake<'_>, node: &Node, session: &mut dyn Session, query: &str, run: &Run) -> Rows {
    let bound = bind(query, &run.values).ok()?;
    let columns = node.file.contract.columns.iter();
    let columns: Vec<_> =
        columns.map(|(name, column)| (name.as_str(), Some(column.kind))).collect();
    let sum = lake.warehouse.dialect().hash_sum_expression(&columns);
    let sql = format!("select count(*), {sum} from (\n{}\n)", bound.text);
    if run.before.is_empty() {
        return session.query(&sql).ok()?.text_rows().ok()?.pop();
    }
    session.execute("begin transaction").expect("a transaction");
    for statement in &run.before {
        session.execute(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    let rows = session.query(&sql).ok().and_then(|result| result.text_rows().ok());
    session.execute("rollback transaction").expect("an end");
    rows?.pop()
}

fn groups(mutants: &[Mutant]) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<Source>, Vec<usize>> = BTreeMap::new();
    let mut sources: BTreeMap<&TableName, Vec<Source>> = BTreeMap::new();
    let scope = |tables: BTreeSet<TableName>| {
        let (scope, _) = subject().scope(&tables).expect("the project is right");
        scope
    };
    for (index, Mutant { table, .. }) in mutants.iter().enumerate() {
        let of_table = || scope(BTreeSet::from([table.clone()])).sources;
        let sources = sources.entry(table).or_insert_with(of_table).clone();
        groups.entry(sources).or_default().push(index);
    }
    let group = |mutants_of: Vec<usize>| {
        let tables = mutants_of.iter().map(|index| mutants[*index].table.clone()).collect();
        Group { scope: scope(tables), mutants: mutants_of }
    };
    groups.into_values().map(group).collect()
}

/// Tries mutants on a set of messages.
fn try_on(scope: &Scope<'_>, seed: u64, mutants: &[Mutant], alive: &[usize]) -> Vec<(usize, Fate)> {
    let drawn = Draw::new(seed, &scope.sources, SIZE_MAX, scope.tables().len());
    if drawn.messages.is_empty() {
        return Vec::new();
    }
    let lake = lake_over(scope, drawn.limits);
    let mut dice = Dice::new(seed, "mechanical");
    land(&lake, &drawn.messages, &mut dice);
    let again: Vec<Sent> = drawn.messages.iter().filter(|_| dice.percent(50)).cloned().collect();
    land(&lake, &again, &mut dice);
    build_all(&lake).expect("the shipped project can be built");
    let messages: Vec<&Sent> = drawn.messages.iter().collect();
    check_settled(&lake, &messages).expect("the shipped project is right");
    let pipeline = lake.open().expect("it can be opened");
    let mut session = lake.warehouse.session().expect("a session");
    let session = session.as_mut();
    let mut known: BTreeMap<&TableName, Vec<(Run, Rows)>> = BTreeMap::new();
    let mut fates = Vec::new();
    for index in alive {
        let Mutant { table, change, .. } = &mutants[*index];
        let node = pipeline.graph.node(table);
        let wanted = known.entry(table).or_insert_with(|| {
            let runs = runs(&pipeline, node, session);
            let right = |run: &Run| {
                let rows = rows(&lake, node, session, node.file.query(), run);
                assert!(rows.is_some(), "the shipped query of {table} cannot be run");
                rows
            };
            let rows: Vec<_> = runs.iter().map(right).collect();
            runs.into_iter().zip(rows).collect()
        });
        let fate = wanted.iter().find_map(|(run, wanted)| {
            match rows(&lake, node, session, &change.query, run) {
                None => Some(Fate::Stillborn),
                found if found == *wanted => None,
                _ if seed == 1 => Some(Fate::KilledAtOnce),
                _ => Some(Fate::Killed),
            }
        });
        fates.extend(fate.map(|fate| (*index, fate)));
    }
    fates
}

/// What the checker says of a mutant.
fn checked(mutant: &Mutant) -> Fate {
    let mut files = project_files().clone();
    files.insert(&mutant.path, &mutant.text);
    let wanted = BTreeSet::from([mutant.path.clone()]);
    let checked = check(&files, Some(&wanted), Vec::new(), Options::default());
    if checked.findings.is_empty() { Fate::Alive } else { Fate::Found }
}

/// Tries all mutants: on a set of messages, then by the checker, then on the other sets; those that
/// are known to live on a few of them.
fn fates(mutants: &[Mutant], set_count: u64, known: &[Equivalent]) -> Vec<Fate> {
    let is_known: Vec<bool> =
        mutants.iter().map(|mutant| known.iter().any(|known| known.is_of(mutant))).collect();
    let groups = groups(mutants);
    let fates = Mutex::new(vec![Fate::Alive; mutants.len()]);
    let alive = |index: &&usize| locked(&fates)[**index] == Fate::Alive;
    let on_set = |(seed, group): (u64, &Group)| {
        let is_tried = |index: &&usize| seed <= KNOWN_SET_COUNT || !is_known[**index];
        let alive: Vec<usize> =
            group.mutants.iter().filter(is_tried).filter(alive).copied().collect();
        if !alive.is_empty() {
            for (index, fate) in try_on(&group.scope, seed, mutants, &alive) {
                locked(&fates)[index] = fate;
            }
        }
    };
    let of_seed = |seed| groups.iter().map(move |group| (seed, group));
    in_parallel(of_seed(1), on_set);
    let all: Vec<usize> = (0..mutants.len()).collect();
    in_parallel(all.iter().filter(alive), |index| {
        let fate = checked(&mutants[*index]);
        locked(&fates)[*index] = fate;
    });
    in_parallel((2..=set_count).flat_map(of_seed), on_set);
    fates.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn equivalents() -> Vec<Equivalent> {
    let text = fs::read_to_string(Path::new(CHECKOUT).join(EQUIVALENT)).expect("readable");
    let file: EquivalentFile = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    file.equivalent
}

/// A set of messages kills half of them already.
#[test]
fn most_of_what_a_machine_breaks_is_found_at_once() {
    let mutants = mutants();
    let fates = fates(&mutants, 1, &equivalents());
    let count = |fate| of_fate(&mutants, &fates, fate).count();
    // One that cannot be run shows nothing.
    let killed_count = count(Fate::KilledAtOnce) + count(Fate::Found);
    let run_count = mutants.len() - count(Fate::Stillborn);
    eprintln!("{killed_count} of {run_count} killed, {} in all", mutants.len());
    assert!(killed_count * 2 > run_count, "only {killed_count} of {run_count} are killed");
}

#[test]
#[ignore = "four minutes: `just mutants`"]
fn what_a_machine_breaks_is_found() {
    let mutants = mutants();
    let known = equivalents();
    let fates = fates(&mutants, SET_COUNT, &known);
    let alive: Vec<&Mutant> = of_fate(&mutants, &fates, Fate::Alive).collect();
    let is_missed = |mutant: &&&Mutant| !known.iter().any(|known| known.is_of(mutant));
    let missed: Vec<String> = alive.iter().filter(is_missed).map(|mutant| shown(mutant)).collect();
    assert!(
        missed.is_empty(),
        "{} of {} mutants live; kill them, or say in {EQUIVALENT} why they are right:\n{}",
        missed.len(),
        mutants.len(),
        missed.join("\n")
    );
    let is_gone = |known: &&Equivalent| !alive.iter().any(|mutant| known.is_of(mutant));
    let gone: Vec<&Equivalent> = known.iter().filter(is_gone).collect();
    assert!(gone.is_empty(), "nothing of it lives: {gone:#?}");
    expect_file(&Path::new(CHECKOUT).join(PAGE), &page(&mutants, &fates, &known));
}

fn of_fate<'a>(
    mutants: &'a [Mutant],
    fates: &'a [Fate],
    wanted: Fate,
) -> impl Iterator<Item = &'a Mutant> {
    let pairs = mutants.iter().zip(fates);
    pairs.filter(move |(_, fate)| **fate == wanted).map(|(mutant, _)| mutant)
}

fn shown(Mutant { table, change, .. }: &Mutant) -> String {
    let Change { operator, line, becomes, .. } = change;
    format!("{table}: {operator}\n  - {line}\n  + {becomes}")
}

/// A table of how many came to which end, and the list of those that live.
fn page(mutants: &[Mutant], fates: &[Fate], known: &[Equivalent]) -> String {
    let mut page = format!(
        "# Mechanical mutants\n\n\
         Mistakes that a machine puts into every shipped query, one at a time. A mutant is dead if it gives\n\
         other rows than the right query over the tables of a right build: of all days at once, of each day\n\
         alone, of a history from each day's first change on, also with rows in the table itself that the\n\
         query must not look at. The right builds are those of {SET_COUNT} small sets of messages for each group\n\
         of tables that read the same sources, each compared with the oracle. Or it is dead if\n\
         `lakebed check` has something to say. What lives is listed with the reason. `just mutants`\n\
         finds it all out anew.\n\n\
         | mistake | mutants | other rows on the first set | found by `check` | other rows on another set | cannot be run | live |\n\
         |---|---|---|---|---|---|---|\n"
    );
    let operators: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.change.operator).collect();
    let ends = [Fate::KilledAtOnce, Fate::Found, Fate::Killed, Fate::Stillborn, Fate::Alive];
    let row = |name: &str, is_in: &dyn Fn(&Mutant) -> bool| {
        let count = |fate| of_fate(mutants, fates, fate).filter(|mutant| is_in(mutant)).count();
        let counts: Vec<String> = ends.iter().map(|fate| count(*fate).to_string()).collect();
        let all = mutants.iter().filter(|mutant| is_in(mutant)).count();
        format!("| {name} | {all} | {} |\n", counts.join(" | "))
    };
    for operator in operators {
        page += &row(operator, &|mutant| mutant.change.operator == operator);
    }
    page += &row("all", &|_| true);
    page += "\n## Those that live\n";
    for equivalent in known {
        let line = |Mutant { table, change, .. }: &Mutant| {
            let becomes = match change.becomes.as_str() {
                "" => "dropped".to_owned(),
                becomes => format!("`{becomes}`"),
            };
            format!("- `{table}`: `{}` → {becomes}\n", change.line)
        };
        let alive = of_fate(mutants, fates, Fate::Alive).filter(|mutant| equivalent.is_of(mutant));
        let lines: String = alive.map(line).collect();
        page += &["\n", &equivalent.operator, ": ", &equivalent.reason, "\n\n", &lines].concat();
    }
    page
}
