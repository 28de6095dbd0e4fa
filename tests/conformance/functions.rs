//! Every function of the portable subset gives the same value in DuckDB and in the reference
//! implementation, and those that Spark shares in Spark, on generated arguments.
//!
//! Of each way to call a function, with each type that it takes, the arguments of many calls go into
//! one table and one statement. What fails in DuckDB must fail in the reference implementation, and the
//! other way round; Spark is not asked for what fails. A difference is
//! shrunk to a SELECT of literals. Aggregates and window functions get groups of rows.

use lakebed::{
    portable::{
        functions::{Argument, FUNCTIONS, Function, FunctionKind, Signature},
        types::Type,
    },
    warehouse::Session,
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::{BoxedStrategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    arguments::{Arguments, Depth},
    generate::{any_of, is_literal, literals, values},
    google::Google,
    report::{GOOGLESQL, Line, Part, Report, SPARK, Verdict},
    rows::Cell,
    spark::Spark,
    text::expression,
    trial::{Call, Other, Shape, Trial, compare, shrunk},
    world::OpenProject,
};

/// Sets of literals for each way to call a function that takes literals.
const LITERALS_MAX: usize = 8;
/// Differences of one function that are shrunk and shown.
const SHOWN_MAX: usize = 3;
/// The types that stand for `T`.
const ANY_TYPES: [Type; 8] = [
    Type::Bool,
    Type::Int64,
    Type::Float64,
    Type::Numeric,
    Type::String,
    Type::Bytes,
    Type::Date,
    Type::Timestamp,
];
/// Window functions of which rows that tie have the same value.
const TIES: [&str; 4] = ["cume_dist", "dense_rank", "percent_rank", "rank"];
/// Rows of a group at most.
const GROUP_MAX: usize = 7;

/// Compares every function with Google's reference implementation.
pub fn compare_all(
    open: &OpenProject,
    google: &mut Google,
    arguments: &Arguments,
    report: &mut Report,
) {
    for function in FUNCTIONS.values() {
        compare_one(open, (GOOGLESQL, google), function, arguments, report);
    }
}

/// Compares with Spark the functions that it shares, in the forms that it shares.
pub fn compare_on_spark(
    open: &OpenProject,
    spark: &mut Spark,
    arguments: &Arguments,
    report: &mut Report,
) {
    for function in FUNCTIONS.values().filter(|function| function.is_in_spark) {
        let mut shared = function.clone();
        for signature in &mut shared.signatures {
            for argument in &mut signature.arguments {
                argument.form.clone_from(&argument.spark_form);
            }
        }
        compare_one(open, (SPARK, spark), &shared, arguments, report);
    }
}

fn compare_one(
    open: &OpenProject,
    (engine, other): (&'static str, &mut dyn Other),
    function: &Function,
    arguments: &Arguments,
    report: &mut Report,
) {
    if !arguments.wants(&function.name) {
        return;
    }
    let mut session = open.in_memory();
    let (verdict, case_count) =
        compare_function(session.as_mut(), other, function, arguments.depth);
    let construct = function.name.clone();
    report.add(Line { part: Part::Functions, construct, engine, verdict, case_count });
}

/// Gives the same arguments on every run: a difference stays until it is mended.
pub fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// How a function comes out, and how many calls were compared.
pub fn compare_function(
    session: &mut dyn Session,
    other: &mut dyn Other,
    function: &Function,
    depth: Depth,
) -> (Verdict, usize) {
    if let Some(reason) = reason_to_skip(function) {
        return (Verdict::Skipped(reason.to_owned()), 0);
    }
    let mut runner = runner();
    let mut calls = calls(function, &mut runner);
    // Some of each kind: those of one signature stand together.
    let step = calls.len().div_ceil(depth.calls_max).max(1);
    calls = calls.into_iter().step_by(step).collect();
    let per_call = (depth.cases_min / calls.len().max(1) + 1).max(depth.batch_min);
    let mut case_count = 0;
    let mut differences = Vec::new();
    for call in calls {
        if differences.len() == SHOWN_MAX {
            break;
        }
        let count = if call.shape == Shape::Scalar { per_call } else { per_call / 3 + 1 };
        let mut trees: Vec<_> = (0..count)
            .map(|_| call.groups.new_tree(&mut runner).expect("strategies reject nothing"))
            .collect();
        let trial = Trial {
            call: &call,
            groups: trees.iter().map(ValueTree::current).collect(),
            tolerance: function.tolerance,
        };
        case_count += trial.groups.iter().map(Vec::len).sum::<usize>();
        match compare(session, other, &trial) {
            Ok(wrong) => {
                if let Some(group) = wrong {
                    differences.push(shrunk(session, other, &trial, trees[group].as_mut()));
                }
            }
            Err(problem) => differences.push(problem),
        }
    }
    let verdict =
        if differences.is_empty() { Verdict::Same } else { Verdict::Differs(differences) };
    (verdict, case_count)
}

fn reason_to_skip(function: &Function) -> Option<&'static str> {
    match function.name.as_str() {
        "approx_count_distinct" => Some("the reference implementation has no sketches"),
        "grouping" => Some("it reads no value; tables with `group by rollup` are compared whole"),
        _ if !function.is_deterministic => Some("any of several values is right"),
        _ => None,
    }
}

/// Each signature with each choice of types, of literals, and of how often the last argument is
/// repeated.
fn calls(function: &Function, runner: &mut TestRunner) -> Vec<Call> {
    let mut calls = Vec::new();
    for signature in &function.signatures {
        for arguments in repeated(signature) {
            for any in types_of(signature) {
                let has_literals = arguments.iter().any(is_literal);
                let choices =
                    if has_literals { LITERALS_MAX / types_of(signature).len() } else { 1 };
                for _ in 0..choices {
                    calls.extend(call(function, signature, &arguments, any, runner));
                }
            }
        }
    }
    calls
}

fn repeated(signature: &Signature) -> Vec<Vec<Argument>> {
    let arguments = &signature.arguments;
    let mut all = vec![arguments.clone()];
    if let Some(last) = arguments.last().filter(|_| signature.is_variadic) {
        all.push(arguments.iter().chain([last, last]).cloned().collect());
    }
    all
}

/// The types to put for `T`: one that does not matter if there is none.
fn types_of(signature: &Signature) -> &'static [Type] {
    let is_open = |kind: &Type| match kind {
        Type::Variable(_) => true,
        Type::Array(element) => matches!(**element, Type::Variable(_)),
        _ => false,
    };
    if signature.arguments.iter().any(|argument| is_open(&argument.kind)) {
        &ANY_TYPES
    } else {
        &ANY_TYPES[..1]
    }
}

fn concrete(kind: &Type, any: &Type) -> Type {
    match kind {
        Type::Variable(_) => any.clone(),
        Type::Array(element) => Type::Array(Box::new(concrete(element, any))),
        other => other.clone(),
    }
}

fn call(
    function: &Function,
    signature: &Signature,
    arguments: &[Argument],
    any: &Type,
    runner: &mut TestRunner,
) -> Vec<Call> {
    let mut columns: Vec<(Type, BoxedStrategy<Cell>)> = Vec::new();
    let mut texts = Vec::new();
    for (position, argument) in arguments.iter().enumerate() {
        let kind = concrete(&argument.kind, any);
        // A window function takes its first argument from rows, and the others from the statement.
        let is_constant = function.kind == FunctionKind::Window && position > 0;
        if is_literal(argument) || is_constant {
            if kind == Type::Numeric {
                // DuckDB's NUMERIC has three digits; the subset has no literals of the type.
                return Vec::new();
            }
            let cells =
                if is_literal(argument) { literals(argument) } else { values(argument, &kind) };
            let cell = cells.new_tree(runner).expect("nothing is rejected").current();
            texts.push(literal_text(&cell, &kind));
            continue;
        }
        let is_summed = function.kind == FunctionKind::Aggregate && argument.kind.is_number();
        let cells = if is_summed { summands(&kind) } else { values(argument, &kind) };
        texts.push(format!("a{}", columns.len()));
        columns.push((kind, cells));
    }
    let returns = concrete(&signature.returns, any);
    let group_size = if function.kind == FunctionKind::Scalar || function.kind == FunctionKind::Udf
    {
        1..=1
    } else {
        // A column of ties for window functions.
        columns
            .push((Type::Int64, values(&no_form(Type::Int64), &Type::Bool).prop_map(tie).boxed()));
        1..=GROUP_MAX
    };
    let row: Vec<BoxedStrategy<Cell>> = columns.iter().map(|(_, cells)| cells.clone()).collect();
    let groups = vec(row, group_size).boxed();
    let kinds: Vec<Type> = columns.into_iter().map(|(kind, _)| kind).collect();
    let tie_column = format!("a{}", kinds.len().saturating_sub(1));
    shapes(function, signature, &tie_column)
        .into_iter()
        .map(|(shape, clause)| Call {
            expression: written(function, &(texts.join(", ") + clause)),
            shape,
            kinds: kinds.clone(),
            returns: returns.clone(),
            groups: groups.clone(),
        })
        .collect()
}

/// The call as it is written; a few are not written as calls.
fn written(function: &Function, arguments: &str) -> String {
    match function.name.as_str() {
        "count" if arguments.is_empty() => "count(*)".to_owned(),
        name @ ("safe_offset" | "safe_ordinal") => format!("[10, 20, 30][{name}({arguments})]"),
        name => format!("{name}({arguments})"),
    }
}

/// How a function is called, and what stands within its parentheses after the arguments.
fn shapes(function: &Function, signature: &Signature, tie: &str) -> Vec<(Shape, &'static str)> {
    let by_row = Shape::Window("partition by g order by i".to_owned());
    match function.kind {
        FunctionKind::Scalar | FunctionKind::Udf => vec![(Shape::Scalar, "")],
        FunctionKind::Window if TIES.contains(&function.name.as_str()) => {
            vec![(by_row, ""), (Shape::Window(format!("partition by g order by {tie}")), "")]
        }
        FunctionKind::Window => vec![(by_row, "")],
        FunctionKind::Aggregate => {
            // What depends on the order of rows is given one.
            let keeps_order = match (&signature.returns, signature.arguments.first()) {
                (Type::Array(_), _) => true,
                (Type::String, Some(first)) => first.kind == Type::String,
                _ => false,
            };
            vec![(Shape::Aggregate, if keeps_order { " order by i" } else { "" })]
        }
    }
}

fn literal_text(cell: &Cell, kind: &Type) -> String {
    match kind {
        Type::Interval => cell.as_str().unwrap_or_default().to_owned(),
        kind => expression(cell, kind),
    }
}

fn no_form(kind: Type) -> Argument {
    Argument { kind, form: None, spark_form: None }
}

/// NULL, 0 or 1.
fn tie(cell: Cell) -> Cell {
    cell.as_bool().map_or(cell, |is_one| i64::from(is_one).into())
}

/// Numbers whose sums stay in range; sums of the others are errors.
fn summands(kind: &Type) -> BoxedStrategy<Cell> {
    let value = match kind {
        Type::Int64 => (-1_000_000_000_000_i64..1_000_000_000_000).prop_map(Cell::from).boxed(),
        Type::Float64 => (-1e6..1e6).prop_map(crate::rows::float).boxed(),
        other => any_of(other),
    };
    prop_oneof![1 => Just(Cell::Null), 9 => value].boxed()
}
