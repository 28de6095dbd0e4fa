//! Calls of functions: whether the subset has them, and whether the arguments fit.

use std::collections::BTreeMap;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function as Call, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, NullTreatment, OrderByExpr,
};

use super::{
    lineage::Lineage,
    relation::Columns,
    scope::Scope,
    value::Value,
    walk::Walk,
    window::{OpenWindow, Over, Shown, WindowUse},
};
use crate::{
    portable::{
        functions::{FUNCTIONS, Function, FunctionKind, OUTSIDE, Signature},
        types::Type,
    },
    rules::{determinism, expressions, names, shape},
    suggest::similar,
};

/// Functions whose value is of the moment or of chance.
const VOLATILE: [&str; 13] = [
    "current_timestamp",
    "current_date",
    "current_datetime",
    "current_time",
    "now",
    "today",
    "get_current_timestamp",
    "rand",
    "random",
    "generate_uuid",
    "uuid",
    "gen_random_uuid",
    "session_user",
];

/// Aggregates that depend on the order of their rows.
const ORDERED_AGGREGATES: [&str; 2] = ["string_agg", "array_agg"];

/// Aggregates that DuckDB has as macros: they take no DISTINCT.
const MACRO_AGGREGATES: [&str; 2] = ["logical_and", "logical_or"];

/// The arguments of a call with what is known of each.
struct Arguments<'e> {
    expressions: Vec<&'e Expr>,
    values: Vec<Value>,
}

impl Walk<'_> {
    /// The value of a call.
    pub fn call(&mut self, call: &Call, expr: &Expr, scope: &Scope<'_>) -> Value {
        let name = call.name.to_string().to_lowercase();
        let empty = FunctionArgumentList {
            duplicate_treatment: None,
            args: Vec::new(),
            clauses: Vec::new(),
        };
        let list = match &call.args {
            FunctionArguments::List(list) => list,
            FunctionArguments::None => &empty,
            FunctionArguments::Subquery(query) => {
                let _ = self.subquery(query, scope);
                &empty
            }
        };
        let arguments = if OUTSIDE.contains_key(&name) {
            // What another engine reads as a part of a date, such as `month`, is no column.
            self.without_notes(|walk| walk.arguments(list, scope))
        } else {
            self.arguments(list, scope)
        };
        if VOLATILE.contains(&name.as_str()) {
            let message = format!("`{name}` gives another value each time");
            self.report(&determinism::VOLATILE, self.source.place(expr), message);
            return Value::unknown();
        }
        if let Some(kind) = self.context.catalog.parser(&name) {
            let kind = kind.clone();
            self.payload(&name, &arguments.values, expr);
            return Value { may_be_null: false, ..Value::made_of(kind, &arguments.values) };
        }
        let Some(function) = FUNCTIONS.get(&name) else {
            return self.unknown_function(&name, call, &arguments.values);
        };
        if !function.is_in_spark {
            self.not_in_spark(self.source.place(&call.name), &format!("`{name}`"));
        }
        self.clauses(function, call, list, expr, scope);
        let kind = self.fit(function, &arguments, expr);
        let mut value = Value::made_of(kind, &arguments.values);
        value.is_determined &= function.is_deterministic;
        value.may_be_null = is_null_from(&name, &arguments.values);
        if let ("ifnull", [_, otherwise]) = (name.as_str(), arguments.expressions.as_slice()) {
            let next = arguments.values[0].next_start.clone();
            value.next_start = next.and_then(|next| next.or(otherwise));
        }
        value.tells_apart = name.starts_with("udf.hash_key")
            && arguments.values.iter().all(|argument| argument.tells_apart);
        self.aggregation(function, call, list, &arguments.values, value, expr, scope)
    }

    /// A call that the parser has a syntax of its own for, such as `ceil(x)`.
    pub fn named_call(
        &mut self,
        name: &str,
        arguments: &[&Expr],
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let values = arguments.iter().map(|argument| self.expression(argument, scope)).collect();
        let arguments = Arguments { expressions: arguments.to_vec(), values };
        let function = &FUNCTIONS[name];
        let kind = self.fit(function, &arguments, expr);
        Value::made_of(kind, &arguments.values)
    }

    fn arguments<'e>(
        &mut self,
        list: &'e FunctionArgumentList,
        scope: &Scope<'_>,
    ) -> Arguments<'e> {
        let mut arguments = Arguments { expressions: Vec::new(), values: Vec::new() };
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    arguments.values.push(self.expression(expr, scope));
                    arguments.expressions.push(expr);
                }
                // `count(*)` counts rows, whatever is in them.
                FunctionArg::Unnamed(_) => {}
                FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } => {
                    if let FunctionArgExpr::Expr(expr) = arg {
                        let message = "arguments have no names in the subset".to_owned();
                        self.report(&expressions::EXPRESSION, self.source.place(expr), message);
                    }
                }
            }
        }
        arguments
    }

    fn unknown_function(&mut self, name: &str, call: &Call, values: &[Value]) -> Value {
        let place = self.source.place(&call.name);
        if self.context.catalog.defines(name) {
            self.facts.is_unfollowed = true;
            return Value::made_of(Type::Unknown, values);
        }
        if let Some(outside) = OUTSIDE.get(name) {
            let message = format!("`{name}` is outside: {}", outside.why);
            let help = Some(format!("write {}", outside.instead));
            self.report_with(&names::FUNCTION_OUTSIDE, place, message, help);
        } else {
            let known: Vec<String> = FUNCTIONS.keys().cloned().collect();
            let help = similar(name, &known).map(|name| format!("did you mean `{name}`?"));
            let message = format!("the subset has no function `{name}`");
            self.report_with(&names::UNKNOWN_FUNCTION, place, message, help);
        }
        let value = Value::made_of(Type::Unknown, values);
        Value { has_aggregate: value.has_aggregate || call.over.is_none(), ..value }
    }

    /// The type of the result, by the first signature that the arguments fit.
    fn fit(&mut self, function: &Function, arguments: &Arguments<'_>, expr: &Expr) -> Type {
        let mut last = Type::Unknown;
        for signature in &function.signatures {
            if let Some(kind) = unify(signature, &arguments.values) {
                self.forms(signature, &arguments.expressions);
                return kind;
            }
            last = signature.returns.clone();
        }
        let given: Vec<String> =
            arguments.values.iter().map(|value| value.kind.to_string()).collect();
        let taken: Vec<String> = function.signatures.iter().map(written).collect();
        let name = &function.name;
        let message = format!("`{name}` does not take ({})", given.join(", "));
        let help = Some(format!("it takes {}", taken.join(" or ")));
        self.report_with(&expressions::ARGUMENTS, self.source.place(expr), message, help);
        if matches!(last, Type::Variable(_)) { Type::Unknown } else { last }
    }

    /// A parser takes the payload as it came.
    fn payload(&mut self, name: &str, values: &[Value], expr: &Expr) {
        if !matches!(values, [payload] if payload.fits(&Type::Bytes)) {
            let given: Vec<String> = values.iter().map(|value| value.kind.to_string()).collect();
            let message = format!("`{name}` does not take ({})", given.join(", "));
            let help = Some("it takes (BYTES): the payload".to_owned());
            self.report_with(&expressions::ARGUMENTS, self.source.place(expr), message, help);
        }
    }

    /// What stands in the parentheses besides arguments, and after them.
    fn clauses(
        &mut self,
        function: &Function,
        call: &Call,
        list: &FunctionArgumentList,
        expr: &Expr,
        scope: &Scope<'_>,
    ) {
        let name = function.name.as_str();
        let place = self.source.place(expr);
        let outside = |walk: &mut Self, what: &str, instead: &str| {
            let message = format!("{what} is outside of the portable subset");
            let help = Some(instead.to_owned());
            walk.report_with(&shape::CALL_CLAUSE, place.clone(), message, help);
        };
        if !call.within_group.is_empty() {
            outside(self, "WITHIN GROUP", "write `cume_dist() over (…)`");
        }
        if call.null_treatment.is_some() {
            outside(self, "IGNORE NULLS after the parenthesis", "write it within the parentheses");
        }
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
            && (function.kind != FunctionKind::Aggregate || MACRO_AGGREGATES.contains(&name))
        {
            outside(self, &format!("DISTINCT in `{name}`"), "leave it out");
        }
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(order) => {
                    for item in order {
                        let _ = self.expression(&item.expr, scope);
                    }
                }
                FunctionArgumentClause::IgnoreOrRespectNulls(NullTreatment::IgnoreNulls)
                    if function.kind == FunctionKind::Window => {}
                FunctionArgumentClause::IgnoreOrRespectNulls(_) => {
                    outside(self, "IGNORE NULLS of an aggregate", "write `where x is not null`");
                }
                FunctionArgumentClause::Limit(_) => {
                    outside(self, "LIMIT in an aggregate", "number the rows with `row_number()`");
                }
                other => outside(self, &format!("`{other}`"), "leave it out"),
            }
        }
    }

    /// Makes the value one of a group or of a window.
    #[expect(clippy::too_many_arguments, reason = "a call has that many parts")]
    fn aggregation(
        &mut self,
        function: &Function,
        call: &Call,
        list: &FunctionArgumentList,
        arguments: &[Value],
        mut value: Value,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let is_aggregate = function.kind == FunctionKind::Aggregate;
        if is_aggregate
            && arguments.iter().any(|argument| argument.has_aggregate)
            && call.over.is_none()
        {
            let message = "an aggregate of an aggregate".to_owned();
            self.report(&shape::NESTED_AGGREGATE, self.source.place(expr), message);
        }
        if is_aggregate {
            self.inexact(function, arguments, expr);
        }
        match (&call.over, function.kind) {
            (Some(over), FunctionKind::Aggregate | FunctionKind::Window) => {
                self.window(function, over, arguments, value, expr, scope)
            }
            (Some(_), _) => {
                let message = format!("`{}` is no window function", function.name);
                self.report(&expressions::ARGUMENTS, self.source.place(expr), message);
                value
            }
            (None, FunctionKind::Window) => {
                let message = format!("`{}` needs OVER", function.name);
                self.report(&expressions::ARGUMENTS, self.source.place(expr), message);
                value
            }
            (None, FunctionKind::Aggregate) => {
                value.has_aggregate = true;
                value.tells_apart = false;
                value.lineage = if value.lineage.is_empty() {
                    Lineage::of_rows(scope.rows.rows_of.iter().copied())
                } else {
                    value.lineage.aggregated()
                };
                if ORDERED_AGGREGATES.contains(&function.name.as_str())
                    || function.name == "any_value"
                {
                    let order = aggregate_order(list);
                    let order = self.ordered_aggregate(function, order, arguments, expr, scope);
                    value.lineage.add(&order);
                }
                value
            }
            (None, FunctionKind::Scalar | FunctionKind::Udf) => value,
        }
    }

    fn inexact(&mut self, function: &Function, arguments: &[Value], expr: &Expr) {
        let is_float = arguments.iter().any(|argument| argument.kind == Type::Float64);
        let is_inexact = match function.name.as_str() {
            "sum" => is_float,
            _ => function.tolerance.is_some(),
        };
        // Who only looks at a number may take one that is not exact.
        if is_inexact && self.context.table.is_some() {
            let what = if is_float { " of FLOAT64" } else { "" };
            let message = format!("`{}`{what} is not the same each time", function.name);
            self.report(&determinism::INEXACT, self.source.place(expr), message);
        }
    }

    fn ordered_aggregate(
        &mut self,
        function: &Function,
        order: Option<&[OrderByExpr]>,
        arguments: &[Value],
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Lineage {
        let mut determining = Columns::new();
        let mut lineage = Lineage::default();
        for item in order.unwrap_or_default() {
            let value = self.again(&item.expr, scope);
            lineage.decide(&value.lineage);
            if value.tells_apart {
                determining.extend(value.columns);
            }
        }
        let shown = arguments.first().map(|value| value.columns.clone()).unwrap_or_default();
        let found = WindowUse {
            function: function.name.clone(),
            place: self.source.place(expr),
            over: Over::Group,
            has_order: order.is_some(),
            numbers_rows: false,
            ties: Vec::new(),
        };
        let shown = Some(Shown::Columns(shown));
        scope.windows_opened.borrow_mut().push(OpenWindow { found, determining, shown });
        lineage
    }
}

fn aggregate_order(list: &FunctionArgumentList) -> Option<&[OrderByExpr]> {
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(order) => Some(order.as_slice()),
        _ => None,
    })
}

/// Whether a call gives NULL because of how the query is written. Of two columns the second is taken
/// to be there where the first is not, as after a full join.
fn is_null_from(name: &str, arguments: &[Value]) -> bool {
    let is_null = |at: usize| arguments.get(at).is_some_and(|value| value.may_be_null);
    match name {
        "nullif" => true,
        "ifnull" | "coalesce" => {
            arguments.last().is_some_and(|value| value.may_be_null && value.columns.is_empty())
        }
        "if" => is_null(1) || is_null(2),
        "lag" | "lead" => arguments.len() < 3,
        _ => {
            let is_scalar = FUNCTIONS.get(name).is_some_and(|function| {
                matches!(function.kind, FunctionKind::Scalar | FunctionKind::Udf)
            });
            let hides_null = name.starts_with("udf.hash_");
            is_scalar && !hides_null && arguments.iter().any(|value| value.may_be_null)
        }
    }
}

/// The type of the result if the arguments fit the signature.
fn unify(signature: &Signature, values: &[Value]) -> Option<Type> {
    if !signature.takes(values.len()) {
        return None;
    }
    let mut bound: BTreeMap<&str, Type> = BTreeMap::new();
    for (position, value) in values.iter().enumerate() {
        match &signature.argument(position)?.kind {
            Type::Variable(name) => bind(&mut bound, name, &value.kind)?,
            Type::Array(element) => match (&**element, &value.kind) {
                (Type::Variable(name), Type::Array(given)) => bind(&mut bound, name, given)?,
                (_, given) if given.is_open() => {}
                (wanted, Type::Array(given)) if given.fits(wanted) => {}
                _ => return None,
            },
            wanted if value.fits(wanted) => {}
            _ => return None,
        }
    }
    Some(resolved(&signature.returns, &bound))
}

fn bind<'n>(bound: &mut BTreeMap<&'n str, Type>, name: &'n str, given: &Type) -> Option<()> {
    let known = bound.get(name).cloned().unwrap_or(Type::Null);
    bound.insert(name, known.common(given)?);
    Some(())
}

fn resolved(kind: &Type, bound: &BTreeMap<&str, Type>) -> Type {
    match kind {
        Type::Variable(name) => bound.get(name.as_str()).cloned().unwrap_or(Type::Unknown),
        Type::Array(element) => Type::Array(Box::new(resolved(element, bound))),
        other => other.clone(),
    }
}

/// `(STRING, INT64)`
fn written(signature: &Signature) -> String {
    let mut arguments: Vec<String> =
        signature.arguments.iter().map(|argument| argument.kind.to_string()).collect();
    if signature.is_variadic {
        arguments.push("…".to_owned());
    }
    format!("({})", arguments.join(", "))
}
