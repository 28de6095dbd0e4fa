//! One call of a function, tried on many rows in both engines, and the smallest rows on which they
//! part.

use std::{collections::BTreeMap, fmt::Write as _, ops::Range};

use lakebed::{port_error::PortError, portable::types::Type, warehouse::Session};
use proptest::strategy::{BoxedStrategy, ValueTree};
use serde_json::Value;

use crate::{
    rows::{Cell, Row, float, float_of, rows},
    text::{duckdb_type, duckdb_value, expression},
};

/// The table that holds the arguments: group, row, and the columns `a0`, `a1` and so on.
pub const CASES: &str = "cases";
/// How often a case is made smaller before what is left is shown.
const SHRINKS_MAX: usize = 120;

/// How a function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// For each row.
    Scalar,
    /// For each group.
    Aggregate,
    /// For each row, over this window.
    Window(String),
}

/// A call: its text over the columns of the arguments.
pub struct Call {
    /// Such as `substr(a0, a1)`.
    pub expression: String,
    /// How it is called.
    pub shape: Shape,
    /// Types of the columns.
    pub kinds: Vec<Type>,
    /// Type of the value.
    pub returns: Type,
    /// Rows of one group; a scalar has groups of one row.
    pub groups: BoxedStrategy<Vec<Row>>,
}

/// A call with its arguments.
pub struct Trial<'a> {
    /// The call.
    pub call: &'a Call,
    /// The rows by group.
    pub groups: Vec<Vec<Row>>,
    /// The greatest relative difference of numbers.
    pub tolerance: Option<f64>,
}

/// What an engine gave for a call: a value, or `Err` if it failed.
pub type Outcome = Result<Cell, ()>;
/// By group and row.
pub type Outcomes = BTreeMap<(i64, i64), Outcome>;

/// An engine that DuckDB is compared with.
pub trait Other {
    /// Its name for people.
    fn shown_name(&self) -> &'static str;

    /// What it gives for the calls; it may leave out those that fail in DuckDB. An error is that of an
    /// engine that takes none of them.
    fn outcomes(&mut self, trial: &Trial<'_>, ours: &Outcomes) -> Result<Outcomes, String>;
}

/// Tries the call in both engines. `Some` is the group in which they part first; an error is that of
/// an engine that takes none of the calls.
pub fn compare(
    session: &mut dyn Session,
    other: &mut dyn Other,
    trial: &Trial<'_>,
) -> Result<Option<usize>, String> {
    let ours = duckdb_outcomes(session, trial)?;
    let theirs = other.outcomes(trial, &ours)?;
    for (key, theirs) in &theirs {
        let ours = ours.get(key).ok_or_else(|| format!("DuckDB lacks the row {key:?}"))?;
        if !is_same(ours, theirs, trial) {
            return Ok(Some(usize::try_from(key.0).expect("groups are counted from 0")));
        }
    }
    Ok(None)
}

/// Makes the group smaller as long as the engines part on it, and says how they do.
pub fn shrunk(
    session: &mut dyn Session,
    other: &mut dyn Other,
    trial: &Trial<'_>,
    tree: &mut dyn ValueTree<Value = Vec<Row>>,
) -> String {
    let mut parts = |rows: Vec<Row>| {
        let smaller = Trial { call: trial.call, groups: vec![rows], tolerance: trial.tolerance };
        !matches!(compare(session, other, &smaller), Ok(None))
    };
    let mut smallest = tree.current();
    for _ in 0..SHRINKS_MAX {
        if !tree.simplify() {
            break;
        }
        if parts(tree.current()) {
            smallest = tree.current();
        } else if !tree.complicate() {
            break;
        }
    }
    let sql = pasteable(trial.call, &smallest);
    let last = Trial { call: trial.call, groups: vec![smallest], tolerance: trial.tolerance };
    let ours = duckdb_outcomes(session, &last);
    let theirs = match &ours {
        Ok(ours) => other.outcomes(&last, ours),
        Err(problem) => Err(problem.clone()),
    };
    let name = format!("{}:", other.shown_name());
    format!("{sql};\n  DuckDB:    {}\n  {name:<10} {}", shown(&ours), shown(&theirs))
}

fn shown(outcomes: &Result<Outcomes, String>) -> String {
    let cell = |outcome: &Outcome| match outcome {
        Err(()) => "an error".to_owned(),
        Ok(cell) => float_of(cell).map_or_else(|| cell.to_string(), |number| format!("{number:?}")),
    };
    match outcomes {
        Ok(outcomes) => outcomes.values().map(cell).collect::<Vec<_>>().join(", "),
        Err(error) => error.clone(),
    }
}

/// One SELECT of literals that both engines read.
fn pasteable(call: &Call, rows: &[Row]) -> String {
    let literals = |row: &Row| {
        let cells = row.iter().zip(&call.kinds).enumerate();
        cells
            .map(|(at, (cell, kind))| format!("{} as a{at}", expression(cell, kind)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let source: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let separator = if row.is_empty() { "" } else { ", " };
            format!("select 0 as g, {i} as i{separator}{}", literals(row))
        })
        .collect();
    let source = source.join(" union all ");
    match &call.shape {
        Shape::Scalar | Shape::Aggregate => format!("select {} from ({source})", call.expression),
        Shape::Window(window) => {
            format!("select {} over ({window}) from ({source}) order by i", call.expression)
        }
    }
}

/// What both engines are asked; `failed` says whether `value` is an error.
pub fn statement(call: &Call, failed: &str, value: &str, groups: Range<usize>) -> String {
    let call_text = &call.expression;
    let from = format!("from {CASES} as c where g >= {} and g < {}", groups.start, groups.end);
    match &call.shape {
        Shape::Scalar => format!("select g, i, {failed}, {value} {from}"),
        Shape::Aggregate => format!("select g, 0, false, {call_text} {from} group by g"),
        Shape::Window(window) => format!("select g, i, false, {call_text} over ({window}) {from}"),
    }
}

/// DuckDB has no way to go on after any error (TRY refuses some functions, and a part of its argument
/// that stands elsewhere too is computed outside of it): groups on which a statement fails are asked
/// for by halves, down to the one that fails.
fn duckdb_outcomes(session: &mut dyn Session, trial: &Trial<'_>) -> Result<Outcomes, String> {
    let call = trial.call;
    let mut columns = "g bigint, i bigint".to_owned();
    for (at, kind) in call.kinds.iter().enumerate() {
        let _ = write!(columns, ", a{at} {}", duckdb_type(kind));
    }
    let rows_text: Vec<String> = numbered(&trial.groups)
        .map(|(g, i, row)| {
            let cells = row.iter().zip(&call.kinds);
            let cells = cells.fold(String::new(), |mut text, (cell, kind)| {
                let _ = write!(text, ", {}", duckdb_value(cell, kind));
                text
            });
            format!("({g}, {i}{cells})")
        })
        .collect();
    let create = format!("create or replace temp table {CASES} ({columns})");
    let insert = format!("insert into {CASES} values {}", rows_text.join(", "));
    let refused = |error: PortError| format!("DuckDB refuses its arguments: {error}");
    session.execute(&create).and_then(|_| session.execute(&insert)).map_err(refused)?;
    let mut found = Outcomes::new();
    let mut pending = vec![(0, trial.groups.len())];
    let mut last_error = String::new();
    while let Some((from, to)) = pending.pop() {
        let statement = statement(call, "false", &call.expression, from..to);
        match session.query(&statement) {
            Ok(result) => found.extend(outcomes(rows(&result.batches), &call.returns)),
            Err(error) if to - from == 1 => {
                last_error = format!("DuckDB refuses it: {error}\n{statement}");
                let key = |i| (i64::try_from(from).unwrap_or(0), i);
                let count =
                    if call.shape == Shape::Aggregate { 1 } else { trial.groups[from].len() };
                found.extend((0..).take(count).map(|i| (key(i), Err(()))));
            }
            Err(_) => {
                let middle = from + (to - from) / 2;
                pending.extend([(from, middle), (middle, to)]);
            }
        }
    }
    let all_fail = trial.groups.len() > 1 && found.values().all(Result::is_err);
    if all_fail { Err(last_error) } else { Ok(found) }
}

/// The rows with the numbers of their groups and their own.
pub fn numbered(groups: &[Vec<Row>]) -> impl Iterator<Item = (usize, usize, &Row)> {
    groups
        .iter()
        .enumerate()
        .flat_map(|(g, rows)| rows.iter().enumerate().map(move |(i, row)| (g, i, row)))
}

/// A row as it stands in the table of cases.
pub fn with_numbers(group: usize, row: usize, cells: &Row) -> Row {
    [group.into(), row.into()].into_iter().chain(cells.iter().cloned()).collect()
}

/// Rows of group, row, whether it failed, and value.
pub fn outcomes(rows: Vec<Row>, returns: &Type) -> Outcomes {
    let outcome = |row: Row| {
        let key = (row[0].as_i64().unwrap_or(0), row[1].as_i64().unwrap_or(0));
        let failed = row[2] == Value::Bool(true);
        (key, if failed { Err(()) } else { Ok(normal(row[3].clone(), returns)) })
    };
    rows.into_iter().map(outcome).collect()
}

/// DuckDB sums INT64 in a wider type, which a table then narrows; zero has two signs.
fn normal(cell: Cell, returns: &Type) -> Cell {
    match (returns, &cell) {
        (Type::Int64, Value::String(digits)) => digits.parse::<i64>().map_or(cell, Cell::from),
        (Type::Float64, Value::Number(number)) => number.as_f64().map_or(cell, float),
        (Type::Float64, _) => float_of(&cell).map_or(cell, |number| float(number + 0.0)),
        _ => cell,
    }
}

fn is_same(ours: &Outcome, theirs: &Outcome, trial: &Trial<'_>) -> bool {
    if ours == theirs {
        return true;
    }
    let (Ok(ours), Ok(theirs), Some(tolerance)) = (ours, theirs, trial.tolerance) else {
        return false;
    };
    let number = |cell: &Cell| float_of(cell).or_else(|| cell.as_f64());
    match (number(ours), number(theirs)) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0),
        _ => false,
    }
}
