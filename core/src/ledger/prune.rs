//! Which partitions a condition leaves out.
//!
//! A condition is evaluated over the whole range of times that a partition holds: it may hold somewhere
//! in it, or must hold all over it. What this cannot evaluate, BigQuery does not prune by (rules
//! `pruning`, `pruning-functions` and `no-constant`).

use jiff::{
    Span, ToSpan,
    civil::{Date, DateTime, Time, date},
};
use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, UnaryOperator, Value as Literal,
};

use super::rules;
use crate::plan::snapshot::Partition;

/// The first and the last date that have a partition of their own (rule `out-of-range`).
const DATED: (Date, Date) = (date(1960, 1, 1), date(2159, 12, 31));

/// Where a query is not bound: a parameter is a time of these, or as many days at the most.
const UNBOUND: (Date, Date) = (date(2000, 1, 1), date(2100, 1, 1));
const UNBOUND_DAYS: i64 = 3_660;

/// Whether a condition holds for the rows of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// For some that the partition could have.
    pub may: bool,
    /// For all.
    pub must: bool,
}

/// The values that an expression may have: all from the first to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Times(DateTime, DateTime),
    Numbers(i64, i64),
}

/// Whether a condition on the partition column alone holds for a partition; `None` if the engine does
/// not look at it before it reads. A column of instants has all of a day in a partition.
pub fn holds(condition: &Expr, partition: Partition, is_of_instants: bool) -> Option<Holds> {
    let ranges: Vec<(DateTime, DateTime)> = match partition {
        Some(date) if date < DATED.0 || date > DATED.1 => vec![
            (DateTime::MIN, end_of(DATED.0.yesterday().ok()?)),
            (DATED.1.tomorrow().ok()?.into(), DateTime::MAX),
        ],
        Some(date) if is_of_instants => vec![(date.into(), end_of(date))],
        Some(date) => vec![(date.into(), date.into())],
        // Rows without a date meet no comparison.
        None => return Some(Holds { may: false, must: false }),
    };
    let found = ranges.into_iter().map(|column| Over { column }.condition(condition));
    let all = found.collect::<Option<Vec<Holds>>>()?;
    Some(Holds { may: all.iter().any(|h| h.may), must: all.iter().all(|h| h.must) })
}

fn end_of(date: Date) -> DateTime {
    DateTime::from_parts(date, Time::MAX)
}

/// Evaluates over the values of the column in one partition.
struct Over {
    column: (DateTime, DateTime),
}

impl Over {
    fn condition(&self, expr: &Expr) -> Option<Holds> {
        match expr {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                let (l, r) = (self.condition(left)?, self.condition(right)?);
                Some(Holds { may: l.may && r.may, must: l.must && r.must })
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                let (l, r) = (self.condition(left)?, self.condition(right)?);
                Some(Holds { may: l.may || r.may, must: l.must || r.must })
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Some(not(self.condition(expr)?)),
            Expr::BinaryOp { left, op, right } => {
                compared(self.value(left)?, op, self.value(right)?)
            }
            Expr::Between { expr, negated, low, high } => {
                let (value, low, high) = (self.value(expr)?, self.value(low)?, self.value(high)?);
                let above = compared(value, &BinaryOperator::GtEq, low)?;
                let below = compared(value, &BinaryOperator::LtEq, high)?;
                let both = Holds { may: above.may && below.may, must: above.must && below.must };
                Some(if *negated { not(both) } else { both })
            }
            Expr::InList { expr, list, negated } => {
                let value = self.value(expr)?;
                let mut any = Holds { may: false, must: false };
                for item in list {
                    let one = compared(value, &BinaryOperator::Eq, self.value(item)?)?;
                    any = Holds { may: any.may || one.may, must: any.must || one.must };
                }
                Some(if *negated { not(any) } else { any })
            }
            Expr::IsNotNull(_) => Some(Holds { may: true, must: true }),
            Expr::IsNull(_) => Some(Holds { may: false, must: false }),
            _ => None,
        }
    }

    fn value(&self, expr: &Expr) -> Option<Range> {
        if is_parameter(expr) {
            return Some(Range::Times(UNBOUND.0.into(), UNBOUND.1.into()));
        }
        match expr {
            Expr::Nested(inner) => self.value(inner),
            // It is the only column.
            Expr::Identifier(name) if !name.value.starts_with('@') => {
                Some(Range::Times(self.column.0, self.column.1))
            }
            Expr::CompoundIdentifier(_) => Some(Range::Times(self.column.0, self.column.1)),
            Expr::TypedString(text) => time(&text.value.value.clone().into_string()?),
            Expr::Value(value) => match &value.value {
                Literal::Number(digits, _) => {
                    digits.parse().ok().map(|number| Range::Numbers(number, number))
                }
                // A text that is compared with a date is one.
                Literal::SingleQuotedString(text) => time(text),
                _ => None,
            },
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match self.value(expr)? {
                Range::Numbers(least, most) => Some(Range::Numbers(-most, -least)),
                Range::Times(..) => None,
            },
            Expr::Cast { kind: CastKind::Cast | CastKind::SafeCast, expr, data_type, .. } => {
                match (data_type, self.value(expr)?) {
                    (DataType::Date, Range::Times(from, to)) => Some(days(from, to)),
                    (
                        DataType::Timestamp(..) | DataType::Datetime(..),
                        times @ Range::Times(..),
                    ) => Some(times),
                    _ => None,
                }
            }
            Expr::Extract { field, expr, .. } => match (field, self.value(expr)?) {
                (DateTimeField::Year, Range::Times(from, to)) => {
                    Some(Range::Numbers(from.year().into(), to.year().into()))
                }
                (DateTimeField::Date, Range::Times(from, to)) => Some(days(from, to)),
                _ => None,
            },
            Expr::Function(function) => self.call(function),
            _ => None,
        }
    }

    fn call(&self, function: &Function) -> Option<Range> {
        let name = function.name.to_string().to_lowercase();
        let FunctionArguments::List(list) = &function.args else { return None };
        let plain = |argument| match argument {
            &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
            _ => None,
        };
        let arguments = list.args.iter().map(plain).collect::<Option<Vec<&Expr>>>()?;
        if !rules::WITHIN.contains(&name.as_str()) {
            return None;
        }
        match (name.as_str(), arguments.as_slice()) {
            ("date", [expr]) => match self.value(expr)? {
                Range::Times(from, to) => Some(days(from, to)),
                Range::Numbers(..) => None,
            },
            ("timestamp" | "datetime", [expr]) => self.value(expr),
            ("date_add" | "timestamp_add", [expr, interval]) => self.moved(expr, interval, 1),
            ("date_sub" | "timestamp_sub", [expr, interval]) => self.moved(expr, interval, -1),
            ("date_trunc" | "timestamp_trunc", [expr, unit]) => match self.value(expr)? {
                Range::Times(from, to) => {
                    Some(Range::Times(truncated(from, unit)?, truncated(to, unit)?))
                }
                Range::Numbers(..) => None,
            },
            ("date_diff" | "timestamp_diff", [later, earlier, unit]) => {
                self.difference(later, earlier, unit)
            }
            ("format_timestamp" | "format_date", [format, expr]) => {
                let is_date = format.to_string().trim_matches('\'').starts_with("%F");
                match self.value(expr)? {
                    Range::Times(from, to) if is_date => Some(days(from, to)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn moved(&self, expr: &Expr, interval: &Expr, sign: i64) -> Option<Range> {
        let Expr::Interval(interval) = interval else { return None };
        if is_parameter(&interval.value) {
            let Range::Times(from, to) = self.value(expr)? else { return None };
            let days = UNBOUND_DAYS.days();
            return Some(Range::Times(from.saturating_sub(days), to.saturating_add(days)));
        }
        let Range::Numbers(count, _) = self.value(&interval.value)? else { return None };
        let span = span(interval.leading_field.as_ref()?, count * sign)?;
        match self.value(expr)? {
            Range::Times(from, to) => {
                Some(Range::Times(from.saturating_add(span), to.saturating_add(span)))
            }
            Range::Numbers(..) => None,
        }
    }

    fn difference(&self, later: &Expr, earlier: &Expr, unit: &Expr) -> Option<Range> {
        if !unit.to_string().eq_ignore_ascii_case("day") {
            return None;
        }
        let (Range::Times(a, b), Range::Times(c, d)) = (self.value(later)?, self.value(earlier)?)
        else {
            return None;
        };
        let apart = |one: DateTime, other: DateTime| {
            one.date().since(other.date()).ok().map(|span| i64::from(span.get_days()))
        };
        Some(Range::Numbers(apart(a, d)?, apart(b, c)?))
    }
}

fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(name) => name.value.starts_with('@'),
        Expr::Value(value) => {
            matches!(&value.value, Literal::Placeholder(name) if name.starts_with('@'))
        }
        _ => false,
    }
}

fn not(holds: Holds) -> Holds {
    Holds { may: !holds.must, must: !holds.may }
}

fn compared(left: Range, op: &BinaryOperator, right: Range) -> Option<Holds> {
    match (left, right) {
        (Range::Times(a, b), Range::Times(c, d)) => ordered((a, b), op, (c, d)),
        (Range::Numbers(a, b), Range::Numbers(c, d)) => ordered((a, b), op, (c, d)),
        _ => None,
    }
}

fn ordered<T: Ord>((a, b): (T, T), op: &BinaryOperator, (c, d): (T, T)) -> Option<Holds> {
    Some(match op {
        BinaryOperator::Lt => Holds { may: a < d, must: b < c },
        BinaryOperator::LtEq => Holds { may: a <= d, must: b <= c },
        BinaryOperator::Gt => Holds { may: b > c, must: a > d },
        BinaryOperator::GtEq => Holds { may: b >= c, must: a >= d },
        BinaryOperator::Eq => Holds { may: a <= d && c <= b, must: a == b && c == d && a == c },
        BinaryOperator::NotEq => Holds { may: !(a == b && c == d && a == c), must: b < c || d < a },
        _ => return None,
    })
}

/// A date, or an instant in UTC.
fn time(text: &str) -> Option<Range> {
    let text = text.trim().trim_end_matches("+00").trim_end_matches("+00:00");
    let text = text.trim_end_matches(" UTC").trim_end_matches('Z');
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= 10
    {
        return Some(days(date.into(), date.into()));
    }
    text.parse::<DateTime>().ok().map(|at| Range::Times(at, at))
}

fn days(from: DateTime, to: DateTime) -> Range {
    Range::Times(from.date().into(), to.date().into())
}

fn span(field: &DateTimeField, count: i64) -> Option<Span> {
    let span = Span::new();
    match field {
        DateTimeField::Hour => span.try_hours(count),
        DateTimeField::Day => span.try_days(count),
        DateTimeField::Week(_) => span.try_weeks(count),
        DateTimeField::Month => span.try_months(count),
        DateTimeField::Quarter => span.try_months(count.checked_mul(3)?),
        DateTimeField::Year => span.try_years(count),
        _ => return None,
    }
    .ok()
}

fn truncated(at: DateTime, unit: &Expr) -> Option<DateTime> {
    let date = at.date();
    let start = match unit.to_string().to_lowercase().as_str() {
        "day" => date,
        // GoogleSQL's weeks begin with Sunday.
        "week" => {
            let since = date.weekday().to_sunday_zero_offset();
            date.saturating_sub(i64::from(since).days())
        }
        "month" => date.first_of_month(),
        "year" => date.first_of_year(),
        _ => return None,
    };
    Some(start.into())
}
