//! Where the value of an aggregate or of a window function comes from.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    NullTreatment, WindowType,
};

use super::Breadth;
use crate::portable::functions::{FUNCTIONS, FunctionKind};

/// The lists of all rows of a group, as one.
pub fn all_of(row_why: &str) -> String {
    format!("flatten(list({row_why}))")
}

/// Whether a call without `over` makes one value of many rows.
pub fn is_aggregate(call: &Function) -> bool {
    let known = FUNCTIONS.get(&name(call));
    call.over.is_none() && known.is_some_and(|known| known.kind == FunctionKind::Aggregate)
}

fn name(call: &Function) -> String {
    call.name.to_string().to_lowercase()
}

/// Where the value of an aggregate comes from, if a row comes from `row_why`.
pub fn aggregate_why(call: &Function, row_why: &str) -> String {
    let all = all_of(row_why);
    let Some(argument) = argument(call, 0) else { return all };
    match name(call).as_str() {
        extreme @ ("min" | "max") => extreme_why(extreme, &argument, row_why, ""),
        "countif" => filtered(row_why, &argument, ""),
        "count" => filtered(row_why, &format!("({argument}) is not null"), ""),
        // What adds nothing is left out; one row is kept, since the sum of none is NULL.
        "sum" => format!(
            "list_concat({}, min({row_why}) filter (where ({argument}) is not null))",
            filtered(row_why, &format!("({argument}) <> 0"), "")
        ),
        _ => all,
    }
}

fn filtered(row_why: &str, condition: &str, over: &str) -> String {
    format!("flatten(list({row_why}) filter (where {condition}){over})")
}

/// A row with the least or the greatest value: of equal ones always the same.
fn extreme_why(extreme: &str, argument: &str, row_why: &str, over: &str) -> String {
    format!(
        "({extreme}(case when ({argument}) is not null \
         then {{'value': {argument}, 'why': {row_why}}} end){over}).why"
    )
}

/// Where the value of a window function comes from, if a row comes from `row_why`.
pub fn window_why(call: &Function, row_why: &str, breadth: Breadth) -> Option<String> {
    let window = call.over.as_ref()?;
    if breadth == Breadth::Whole {
        let over = with_frame(window, "unbounded following");
        return Some(format!("flatten(list({row_why}) over {over})"));
    }
    let over = format!(" over {window}");
    let argument = argument(call, 0);
    Some(match (name(call).as_str(), argument) {
        // A position counts the rows between.
        ("lag" | "lead" | "nth_value", _) if self::argument(call, 1).is_some() => {
            let over = with_frame(window, "unbounded following");
            format!("flatten(list({row_why}) over {over})")
        }
        (taken @ ("lag" | "lead" | "first_value" | "last_value"), Some(value)) => {
            if ignores_nulls(call) {
                let known = format!("case when ({value}) is not null then {row_why} end");
                format!("{taken}({known} ignore nulls){over}")
            } else {
                format!("{taken}({row_why}){over}")
            }
        }
        (extreme @ ("min" | "max"), Some(value)) => extreme_why(extreme, &value, row_why, &over),
        ("countif", Some(condition)) => filtered(row_why, &condition, &over),
        ("count" | "sum" | "avg", Some(value)) => {
            filtered(row_why, &format!("({value}) is not null"), &over)
        }
        (ranks, _) if is_rank(ranks) => {
            // A rank is a count of the rows that come before.
            let over = with_frame(window, "current row");
            format!("flatten(list({row_why}) over {over})")
        }
        _ => format!("flatten(list({row_why}){over})"),
    })
}

fn is_rank(name: &str) -> bool {
    matches!(name, "row_number" | "rank" | "dense_rank")
}

/// The window from its first row to another.
fn with_frame(window: &WindowType, last: &str) -> String {
    let frame = format!("rows between unbounded preceding and {last}");
    match window {
        WindowType::NamedWindow(name) => format!("({name} {frame})"),
        WindowType::WindowSpec(spec) => {
            let mut spec = spec.clone();
            spec.window_frame = None;
            format!("({spec} {frame})")
        }
    }
}

/// Whether a condition keeps the first rows of windows only, by this call: nothing comes before the
/// first, so it is there for itself.
pub fn is_first(condition: &Expr, call: &Function) -> bool {
    match condition {
        Expr::Nested(inner) => is_first(inner, call),
        Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::And, right } => {
            is_first(left, call) || is_first(right, call)
        }
        Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } => {
            matches!(&**left, Expr::Function(found) if found == call && is_rank(&name(call)))
                && right.to_string() == "1"
        }
        _ => false,
    }
}

fn argument(call: &Function, position: usize) -> Option<String> {
    let FunctionArguments::List(list) = &call.args else { return None };
    match list.args.get(position)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.to_string()),
        _ => None,
    }
}

fn ignores_nulls(call: &Function) -> bool {
    let within = match &call.args {
        FunctionArguments::List(list) => list.clauses.iter().any(|clause| {
            matches!(
                clause,
                FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::IgnoreNulls)
            )
        }),
        _ => false,
    };
    within || call.null_treatment == Some(NullTreatment::IgnoreNulls)
}
