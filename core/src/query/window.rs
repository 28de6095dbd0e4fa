//! Windows: whether the order of a window's rows has ties that can be seen.

use std::ops::Range;

use sqlparser::ast::{
    Expr, OrderBySort, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::{
    interval::{NextStart, column},
    lineage::Lineage,
    relation::{Columns, Relation},
    scope::Scope,
    value::Value,
    walk::Walk,
};
use crate::{
    portable::{
        functions::{Function, FunctionKind},
        types::Type,
    },
    rules::{expressions, names},
};

/// Window functions that give each row its own value: equal rows get different ones.
const NUMBERING: [&str; 5] = ["row_number", "ntile", "lag", "lead", "nth_value"];
/// Window functions that give a value of one row of the frame.
const PICKING: [&str; 2] = ["first_value", "last_value"];

/// A call whose value may depend on the order of rows, or another one over a window.
#[derive(Clone, Debug)]
pub struct WindowUse {
    /// The function.
    pub function: String,
    /// Where it stands in the file.
    pub place: Range<usize>,
    /// The rows that it is of.
    pub over: Over,
    /// Whether it says an order at all.
    pub has_order: bool,
    /// Whether its value depends on which row is which, not only on what is in them.
    pub numbers_rows: bool,
    /// Columns in which rows may differ that tie in the order, as far as this can be seen in the
    /// result. Empty also where the value does not depend on the order.
    pub ties: Vec<String>,
}

/// The rows that a call is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Those of a group: it is an aggregate without OVER.
    Group,
    /// Those of a window with a PARTITION BY.
    Partition,
    /// All.
    All,
}

/// A window of a SELECT whose rows are not all known yet.
#[derive(Clone, Debug)]
pub struct OpenWindow {
    /// What is known of it.
    pub found: WindowUse,
    /// The columns of its partition and order that tell rows apart.
    pub determining: Columns,
    /// The columns whose values it shows; `None`: none that depend on the order.
    pub shown: Option<Shown>,
}

/// What a call shows of the row that it takes.
#[derive(Clone, Debug)]
pub enum Shown {
    /// The values of these columns.
    Columns(Columns),
    /// Which row is which, and so every column that the SELECT names.
    Rows,
}

impl Walk<'_> {
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
        let is_by_rows =
            spec.window_frame.as_ref().is_some_and(|frame| frame.units == WindowFrameUnits::Rows);
        let name = function.name.as_str();
        let is_numbering = NUMBERING.contains(&name)
            || (function.kind == FunctionKind::Aggregate && is_by_rows && !order.is_empty());
        let shown = if PICKING.contains(&name) {
            let taken = arguments.first().map(|value| value.columns.clone());
            Some(Shown::Columns(taken.unwrap_or_default()))
        } else {
            is_numbering.then_some(Shown::Rows)
        };
        scope.windows_opened.borrow_mut().push(OpenWindow {
            found: WindowUse {
                function: function.name.clone(),
                place: self.source.place(expr),
                over: if spec.partition_by.is_empty() { Over::All } else { Over::Partition },
                has_order: !order.is_empty(),
                numbers_rows: is_numbering && !PICKING.contains(&name),
                ties: Vec::new(),
            },
            determining: partition.columns.iter().chain(&ordered.columns).copied().collect(),
            shown,
        });
        if function.kind == FunctionKind::Aggregate {
            value.lineage = value.lineage.aggregated();
        }
        if value.lineage.is_empty() {
            value.lineage = Lineage::of_rows(scope.rows.rows_of.iter().copied());
        }
        value.lineage.decide(&partition.lineage);
        value.lineage.decide(&ordered.lineage);
        let (partition, ordered) = (partition.columns, ordered.columns);
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

    /// The columns that the expressions tell apart, and what all of them come from.
    fn listed(&mut self, expressions: &[Expr], scope: &Scope<'_>) -> Listed {
        let mut listed = Listed::default();
        for expr in expressions {
            let value = self.expression(expr, scope);
            listed.lineage.add(&value.lineage);
            if value.tells_apart {
                listed.columns.extend(value.columns);
            }
        }
        listed
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
            let by = order.first().map(|first| self.again(first, scope).kind);
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

    /// Notes the windows of a SELECT, each with the ties that its order leaves. `windowed` are the
    /// rows that the windows see, `ungrouped` those before grouping, `group` the columns that they are
    /// grouped by.
    pub(super) fn ties(
        &mut self,
        scope: &Scope<'_>,
        windowed: &Relation,
        (ungrouped, group): (&Relation, &Columns),
        is_distinct: bool,
    ) {
        let opened = std::mem::take(&mut *scope.windows_opened.borrow_mut());
        let used = scope.used.borrow().clone();
        for OpenWindow { mut found, determining, shown } in opened {
            let is_aggregate = found.over == Over::Group;
            let rows = if is_aggregate { ungrouped } else { windowed };
            let shown = match &shown {
                Some(Shown::Columns(columns)) => columns,
                Some(Shown::Rows) => &used,
                None => &Columns::new(),
            };
            let mut known = determining;
            if is_aggregate {
                known.extend(group);
            }
            // Equal rows are made one before they are taken.
            let hides_ties = is_distinct && is_aggregate && found.function != "any_value";
            if !rows.is_open && !hides_ties {
                let closure = rows.closure(&known);
                let open = shown.difference(&closure).map(|at| &rows.columns[*at].name);
                found.ties = open.filter(|name| !name.is_empty()).cloned().collect();
            }
            found.numbers_rows &= !rows.is_open;
            self.facts.windows.push(found);
        }
    }
}

/// Expressions of a list.
#[derive(Default)]
struct Listed {
    columns: Columns,
    lineage: Lineage,
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
