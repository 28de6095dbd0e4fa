//! Windows: whether the order of a window's rows has ties that can be seen.

use std::ops::Range;

use sqlparser::ast::{
    Expr, OrderBySort, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::{
    Checker,
    interval::{NextStart, column},
    relation::{Columns, Relation},
    rules::{determinism, expressions, names, reads},
    scope::Scope,
    value::Value,
};
use crate::portable::{
    functions::{Function, FunctionKind},
    types::Type,
};

/// Window functions that give each row its own value: equal rows get different ones.
const NUMBERING: [&str; 5] = ["row_number", "ntile", "lag", "lead", "nth_value"];
/// Window functions that give a value of one row of the frame.
const PICKING: [&str; 2] = ["first_value", "last_value"];

/// A window, or an aggregate, whose value may depend on the order of its rows.
#[derive(Clone, Debug)]
pub struct WindowUse {
    /// The function.
    pub function: String,
    /// The columns of its partition and order that tell rows apart.
    pub determining: Columns,
    /// The columns whose values it shows; `None`: which row is which shows in every column.
    pub shown: Option<Columns>,
    /// Where it stands in the file.
    pub place: Range<usize>,
    /// Whether its rows are those before grouping.
    pub is_aggregate: bool,
    /// Whether it says an order at all.
    pub has_order: bool,
}

impl Checker<'_> {
    /// The value of a function over a window.
    pub fn window(
        &mut self,
        function: &Function,
        over: &WindowType,
        arguments: &[Value],
        mut value: Value,
        expr: &Expr,
        scope: &Scope<'_>,
    ) -> Value {
        let Some(spec) = self.window_spec(over, scope) else { return Value::unknown() };
        let partition = self.listed(&spec.partition_by, scope);
        let order: Vec<Expr> = spec.order_by.iter().map(|item| item.expr.clone()).collect();
        let ordered = self.listed(&order, scope);
        self.frame(&spec, &order, scope);
        if spec.partition_by.is_empty() && self.is_built_by_days() {
            let message = "the window is over all days that are built together".to_owned();
            self.report(&reads::DAYS_OF_A_BUILD, self.source.place(expr), message);
        }
        let name = function.name.as_str();
        let is_by_rows =
            spec.window_frame.as_ref().is_some_and(|frame| frame.units == WindowFrameUnits::Rows);
        let is_numbering = NUMBERING.contains(&name)
            || (function.kind == FunctionKind::Aggregate && is_by_rows && !order.is_empty());
        if is_numbering || PICKING.contains(&name) {
            let shown = arguments.first().map(|value| value.columns.clone()).unwrap_or_default();
            scope.window_uses.borrow_mut().push(WindowUse {
                function: function.name.clone(),
                determining: partition.iter().chain(&ordered).copied().collect(),
                shown: PICKING.contains(&name).then_some(shown),
                place: self.source.place(expr),
                is_aggregate: false,
                has_order: !order.is_empty(),
            });
        }
        value.has_aggregate = false;
        value.tells_apart = false;
        value.numbers = (name == "row_number").then(|| partition.clone());
        value.next_start = next_start(name, arguments, &spec, &partition, &ordered);
        // Rows of one partition share it, if it looks at all of them.
        let is_whole = order.is_empty() && spec.window_frame.is_none();
        value.is_determined = is_whole && function.kind == FunctionKind::Aggregate;
        if value.is_determined {
            value.columns = partition;
        } else {
            value.columns.extend(&partition);
            value.columns.extend(&ordered);
        }
        value
    }

    fn window_spec(&mut self, over: &WindowType, scope: &Scope<'_>) -> Option<WindowSpec> {
        let name = match over {
            WindowType::NamedWindow(name) => name,
            WindowType::WindowSpec(spec) => match &spec.window_name {
                None => return Some(spec.clone()),
                Some(name) => name,
            },
        };
        let Some(named) = scope.windows.get(&name.value.to_lowercase()) else {
            let message = format!("there is no window `{name}`");
            self.report(&names::UNKNOWN_WINDOW, self.source.ident(name), message);
            return None;
        };
        let mut spec = named.clone();
        if let WindowType::WindowSpec(own) = over {
            spec.order_by.extend(own.order_by.clone());
            spec.window_frame = own.window_frame.clone().or(spec.window_frame);
        }
        Some(spec)
    }

    /// The columns that the expressions tell apart.
    fn listed(&mut self, expressions: &[Expr], scope: &Scope<'_>) -> Columns {
        let mut columns = Columns::new();
        for expr in expressions {
            let value = self.expression(expr, scope);
            if value.tells_apart {
                columns.extend(value.columns);
            }
        }
        columns
    }

    fn frame(&mut self, spec: &WindowSpec, order: &[Expr], scope: &Scope<'_>) {
        let Some(frame) = &spec.window_frame else { return };
        let mut bounds = vec![&frame.start_bound];
        bounds.extend(&frame.end_bound);
        for bound in bounds {
            let (WindowFrameBound::Preceding(Some(distance))
            | WindowFrameBound::Following(Some(distance))) = bound
            else {
                continue;
            };
            let value = self.expression(distance, scope);
            let is_number = value.fits(&Type::Int64) || value.fits(&Type::Float64);
            let by = order.first().map(|first| {
                self.is_silent = true;
                let kind = self.expression(first, scope).kind;
                self.is_silent = false;
                kind
            });
            let is_by_number = by.is_none_or(|kind| kind.is_open() || kind.is_number());
            if !is_number || (frame.units == WindowFrameUnits::Range && !is_by_number) {
                let message =
                    "a distance in a frame is a number, and so is what it orders by".to_owned();
                let place = self.source.place(&**distance);
                self.report(&expressions::FRAME, place, message);
            }
        }
        if frame.units == WindowFrameUnits::Groups {
            let message = "GROUPS frames are not GoogleSQL's".to_owned();
            let place =
                order.first().map_or(self.source.sql.start..self.source.sql.start, |first| {
                    self.source.place(first)
                });
            self.report(&expressions::FRAME, place, message);
        }
    }

    /// Reports the uses whose order leaves ties that can be seen. `windowed` are the rows that the
    /// windows see, `ungrouped` those before grouping, `group` the columns that they are grouped by.
    pub fn ties(
        &mut self,
        scope: &Scope<'_>,
        windowed: &Relation,
        (ungrouped, group): (&Relation, &Columns),
        is_distinct: bool,
    ) {
        let uses = std::mem::take(&mut *scope.window_uses.borrow_mut());
        let used = scope.used.borrow().clone();
        for found in uses {
            let rows = if found.is_aggregate { ungrouped } else { windowed };
            if rows.is_open {
                continue;
            }
            let mut known = found.determining.clone();
            if found.is_aggregate {
                known.extend(group);
            }
            let closure = rows.closure(&known);
            let shown = found.shown.as_ref().unwrap_or(&used);
            let open: Vec<&str> = shown
                .difference(&closure)
                .map(|at| rows.columns[*at].name.as_str())
                .filter(|name| !name.is_empty())
                .collect();
            let is_any_value = found.function == "any_value";
            let hides_ties = is_distinct && found.is_aggregate && !is_any_value;
            let is_tied = !open.is_empty() && !hides_ties;
            if is_any_value && is_tied {
                let message = format!("`any_value` of {} may be any", quoted(&open));
                self.report(&determinism::ANY_VALUE, found.place, message);
            } else if is_any_value {
                // All rows of a group agree in it.
            } else if !found.has_order && (found.shown.is_none() || is_tied) {
                let message = format!("`{}` without an order", found.function);
                self.report(&determinism::NO_ORDER, found.place, message);
            } else if is_tied {
                let message =
                    format!("rows that tie in this order may differ in {}", quoted(&open));
                self.report(&determinism::TIES, found.place, message);
            }
        }
    }
}

/// `lead(start)` in the order of `start`.
fn next_start(
    name: &str,
    arguments: &[Value],
    spec: &WindowSpec,
    partition: &Columns,
    ordered: &Columns,
) -> Option<NextStart> {
    let ([start], [order]) = (arguments, spec.order_by.as_slice()) else { return None };
    let start = column(start)?;
    let is_ascending = matches!(order.options.sort, None | Some(OrderBySort::Asc));
    let is_it = name == "lead" && is_ascending && *ordered == [start].into();
    is_it.then(|| NextStart { start, key: partition.clone(), is_null_at_last: true })
}

/// At most three names: `a`, `b` and 4 more.
pub fn quoted(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN_MAX) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
