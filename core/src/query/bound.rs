//! Constant dates in a predicate, as days from a parameter or a literal.

use std::ops::Range;

use sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Value as Literal,
};

use super::walk::Walk;

/// What a date hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A parameter, without its `@`.
    Parameter(String),
    /// A date that is written out.
    Literal(String),
}

impl Anchor {
    /// Whether it is that parameter.
    pub fn is_parameter(&self, wanted: &str) -> bool {
        matches!(self, Self::Parameter(name) if name == wanted)
    }
}

/// A date between `days_min` and `days_max` days after its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it hangs on.
    pub anchor: Anchor,
    /// The least distance in days.
    pub days_min: i64,
    /// The greatest distance in days.
    pub days_max: i64,
    /// Where it stands in the file.
    pub place: Range<usize>,
}

impl Bound {
    fn at(anchor: Anchor) -> Self {
        Self { anchor, days_min: 0, days_max: 0, place: 0..0 }
    }

    fn moved(self, (least, greatest): (i64, i64)) -> Self {
        Self { days_min: self.days_min + least, days_max: self.days_max + greatest, ..self }
    }
}

/// The expressions that bound a column.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds<'e> {
    /// It is not below this.
    pub lower: Option<&'e Expr>,
    /// It is not above this.
    pub upper: Option<&'e Expr>,
}

impl<'e> Bounds<'e> {
    /// `between low and high`
    pub fn between(low: &'e Expr, high: &'e Expr) -> Self {
        Self { lower: Some(low), upper: Some(high) }
    }

    /// `in (…)`, of which the first stands for all.
    pub fn one_of(list: &'e [Expr]) -> Self {
        Self { lower: list.first(), upper: list.last() }
    }

    /// `column op expr`
    pub fn compared(op: &BinaryOperator, expr: &'e Expr) -> Self {
        match op {
            BinaryOperator::Lt | BinaryOperator::LtEq => Self { lower: None, upper: Some(expr) },
            BinaryOperator::Gt | BinaryOperator::GtEq => Self { lower: Some(expr), upper: None },
            _ => Self { lower: Some(expr), upper: Some(expr) },
        }
    }
}

/// How far the beginning of a period lies before a date in it, in days at most.
const PERIOD_STARTS: [(&str, i64); 4] = [
    ("udf.week_start", 6),
    ("udf.month_start", 30),
    ("udf.quarter_start", 91),
    ("udf.year_start", 365),
];

impl Walk<'_> {
    /// A constant date; `None` for what is different from row to row.
    pub fn bound(&self, expr: &Expr) -> Option<Bound> {
        Some(Bound { place: self.source.place(expr), ..self.distance(expr)? })
    }

    fn distance(&self, expr: &Expr) -> Option<Bound> {
        match expr {
            Expr::Nested(inner) => self.distance(inner),
            Expr::Identifier(ident) => ident.value.strip_prefix('@').map(parameter_bound),
            Expr::Value(value) => match &value.value {
                Literal::Placeholder(name) => name.strip_prefix('@').map(parameter_bound),
                other => Some(Bound::at(Anchor::Literal(other.to_string()))),
            },
            Expr::TypedString(text) => {
                Some(Bound::at(Anchor::Literal(text.value.value.to_string())))
            }
            Expr::Cast { expr, data_type: DataType::Date | DataType::Timestamp(..), .. } => {
                self.distance(expr)
            }
            Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => {
                let days = self.days(right)?;
                Some(self.distance(left)?.moved((days, days)))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Minus, right } => {
                let days = self.days(right)?;
                Some(self.distance(left)?.moved((-days, -days)))
            }
            Expr::Function(function) => self.call_bound(function),
            _ => None,
        }
    }

    fn call_bound(&self, function: &Function) -> Option<Bound> {
        let name = function.name.to_string().to_lowercase();
        let arguments = plain_arguments(function)?;
        if let Some((_, days)) = PERIOD_STARTS.iter().find(|(known, _)| *known == name) {
            return Some(self.distance(arguments.first()?)?.moved((-days, 0)));
        }
        match (name.as_str(), arguments.as_slice()) {
            ("date", [date]) => self.distance(date),
            ("last_day", [date]) => Some(self.distance(date)?.moved((0, 30))),
            ("date_add", [date, interval]) => {
                Some(self.distance(date)?.moved(self.interval_days(interval)?))
            }
            ("date_sub", [date, interval]) => {
                let (least, greatest) = self.interval_days(interval)?;
                Some(self.distance(date)?.moved((-greatest, -least)))
            }
            _ => None,
        }
    }

    /// The least and greatest length of an interval, in days.
    fn interval_days(&self, expr: &Expr) -> Option<(i64, i64)> {
        let Expr::Interval(interval) = expr else { return None };
        let count = self.days(&interval.value)?;
        let (least, greatest) = match interval.leading_field.as_ref()? {
            DateTimeField::Day => (1, 1),
            DateTimeField::Week(_) => (7, 7),
            DateTimeField::Month => (28, 31),
            DateTimeField::Quarter => (90, 92),
            DateTimeField::Year => (365, 366),
            _ => return None,
        };
        Some((count * least, count * greatest))
    }

    /// A number of days: a literal or a parameter of the contract.
    fn days(&self, expr: &Expr) -> Option<i64> {
        match expr {
            Expr::Nested(inner) => self.days(inner),
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => digits.parse().ok(),
                Literal::Placeholder(name) => self.integers.get(name.strip_prefix('@')?).copied(),
                _ => None,
            },
            Expr::Identifier(ident) => self.integers.get(ident.value.strip_prefix('@')?).copied(),
            Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => {
                Some(self.days(left)? + self.days(right)?)
            }
            Expr::BinaryOp { left, op: BinaryOperator::Minus, right } => {
                Some(self.days(left)? - self.days(right)?)
            }
            _ => None,
        }
    }
}

fn parameter_bound(name: &str) -> Bound {
    Bound::at(Anchor::Parameter(name.to_owned()))
}

/// The arguments of a call, if they are expressions and nothing else.
pub fn plain_arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}
