//! Operators, casts, parts of dates, units and literals of the subset.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Function};

use super::types::Type;

/// How an array's element is named: `a[safe_offset(0)]`.
pub const ARRAY_POSITIONS: [&str; 2] = ["safe_offset", "safe_ordinal"];

/// Units of `interval n unit`.
pub const INTERVAL_UNITS: [&str; 10] = [
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "second",
    "millisecond",
    "microsecond",
];

/// Units of an interval that a DATE takes.
pub const DATE_UNITS: [&str; 5] = ["year", "quarter", "month", "week", "day"];

/// The unit of an interval of days.
pub const DAY_UNITS: [&str; 1] = ["day"];

/// Units of an interval that a TIMESTAMP takes.
pub const TIMESTAMP_UNITS: [&str; 6] =
    ["day", "hour", "minute", "second", "millisecond", "microsecond"];

/// What a binary operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+ - *`: numbers; a DATE and a number of days.
    Arithmetic,
    /// `/`: a quotient, FLOAT64.
    Divide,
    /// `||`: texts, bytes, arrays.
    Concatenate,
    /// `= <> < <= > >=`: two values of one type.
    Compare,
    /// `and or`: conditions.
    Logic,
    /// `& |`: bits of INT64.
    Bits,
}

/// The operators of the subset; `None` for any other.
pub fn operator(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply => {
            Operator::Arithmetic
        }
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::StringConcat => Operator::Concatenate,
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => Operator::Compare,
        BinaryOperator::And | BinaryOperator::Or => Operator::Logic,
        BinaryOperator::BitwiseAnd | BinaryOperator::BitwiseOr => Operator::Bits,
        _ => return None,
    })
}

/// What to write instead of an operator that is outside.
pub fn operator_help(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Modulo => "write `mod(a, b)`",
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "for a power write `pow(a, b)`",
        BinaryOperator::DuckIntegerDivide | BinaryOperator::MyIntegerDivide => "write `div(a, b)`",
        BinaryOperator::Xor => "write `a <> b`",
        BinaryOperator::Arrow | BinaryOperator::LongArrow => "write `json_value(document, path)`",
        _ => return None,
    })
}

/// The type that a cast to `data_type` gives; `None` if no cast to it is portable.
pub fn cast_type(data_type: &DataType) -> Option<Type> {
    let name = data_type.to_string().to_uppercase();
    let kind = Type::parse(&name)?;
    (!matches!(
        kind,
        Type::Numeric | Type::Json | Type::Interval | Type::Variable(_) | Type::Array(_)
    ))
    .then_some(kind)
}

/// Whether engines cast alike. `is_whole`: the value was rounded before.
pub fn may_cast(from: &Type, to: &Type, is_whole: bool) -> bool {
    match (from, to) {
        (a, b) if a.is_open() || a == b => true,
        (Type::Int64, Type::Float64 | Type::String | Type::Bool)
        | (Type::Bool, Type::Int64 | Type::String)
        | (Type::Date, Type::String | Type::Timestamp)
        | (Type::Timestamp, Type::Date) => true,
        (Type::Float64, Type::Int64) => is_whole,
        _ => false,
    }
}

/// What to write instead of a cast that engines do not do alike.
pub fn cast_help(from: &Type, to: &Type) -> Option<String> {
    let advice = match (from, to) {
        (Type::String, Type::Int64) => "write `udf.safe_int64(x)`",
        (Type::String, Type::Float64) => "write `udf.safe_float64(x)`",
        (Type::String, Type::Bool) => "write `udf.safe_bool(x)`",
        (Type::String, Type::Date) => "write `udf.safe_date(x)`",
        (Type::String, Type::Timestamp) => "write `udf.safe_timestamp(x)`",
        (Type::Bytes, Type::String) => "write `udf.safe_string(x)`, or `to_hex(x)`",
        (Type::Float64, Type::Int64) => "round first: `cast(round(x) as INT64)`",
        (Type::Timestamp, Type::String) => "write `format_timestamp('%Y-%m-%d %H:%M:%S', t)`",
        (Type::Float64, Type::String) => "keep it as a number, or cast micros as INT64",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Whether different values stay different in a cast.
pub fn keeps_values_apart(from: &Type, to: &Type) -> bool {
    matches!(
        (from, to),
        (Type::Int64 | Type::Bool | Type::Date, Type::String) | (Type::Date, Type::Timestamp)
    ) || from == to
}

/// Whether an expression is a call that leaves no fraction.
pub fn is_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_whole(inner),
        Expr::Ceil { .. } | Expr::Floor { .. } => true,
        Expr::Function(Function { name, .. }) => ["round", "trunc", "ceil", "ceiling", "floor"]
            .contains(&name.to_string().to_lowercase().as_str()),
        _ => false,
    }
}

/// The types from which a part is extracted alike; `None` if no engine agrees with another.
pub fn extract_part(part: &str) -> Option<&'static [Type]> {
    match part {
        "year" | "quarter" | "month" | "day" | "dayofyear" | "isoyear" => {
            Some(&[Type::Date, Type::Timestamp])
        }
        "hour" | "minute" | "second" => Some(&[Type::Timestamp]),
        _ => None,
    }
}

/// What to write instead of extracting another part.
pub fn extract_help(part: &str) -> Option<String> {
    let advice = match part {
        "week" | "isoweek" => "write `udf.iso_week(d)`",
        "dayofweek" => "write `udf.day_of_week(d)`, or `udf.iso_day_of_week(d)`",
        "date" => "write `date(t)`",
        "millisecond" => "write `mod(unix_millis(t), 1000)`",
        "microsecond" => "write `mod(unix_micros(t), 1000000)`",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Whether all engines read a timestamp literal alike: none but the offset of UTC.
pub fn is_utc_timestamp(text: &str) -> bool {
    let time = text.get(10..).unwrap_or_default();
    match time.find(['+', '-']) {
        Some(at) => matches!(&time[at..], "+00" | "+00:00"),
        None => !time.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'T' | 'Z')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utc_is_read_alike() {
        for good in
            ["2026-01-05", "2026-01-05 10:00:00", "2026-01-05T10:00:00Z", "2026-01-05 10:00:00+00"]
        {
            assert!(is_utc_timestamp(good), "{good}");
        }
        for bad in [
            "2026-01-05 10:00:00+02",
            "2026-01-05 10:00:00-08:00",
            "2026-01-05 10:00:00 Europe/Berlin",
        ] {
            assert!(!is_utc_timestamp(bad), "{bad}");
        }
    }

    #[test]
    fn a_cast_that_rounds_is_not_portable() {
        assert!(!may_cast(&Type::Float64, &Type::Int64, false));
        assert!(may_cast(&Type::Float64, &Type::Int64, true));
        assert!(!may_cast(&Type::String, &Type::Int64, false));
    }
}
