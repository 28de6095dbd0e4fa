//! Values as SQL that every engine reads, so that a difference can be pasted into all of them.

use jiff::{Timestamp, ToSpan, civil::date};
use lakebed::{portable::types::Type, sql::literal};
use serde_json::Value;

use crate::rows::{Cell, float_of};

/// A cell as an expression of its type.
pub fn expression(cell: &Cell, kind: &Type) -> String {
    match (kind, cell) {
        (_, Value::Null) => format!("cast(null as {kind})"),
        (Type::Array(element), Value::Array(cells)) if cells.is_empty() => {
            format!("cast([] as ARRAY<{element}>)")
        }
        (Type::Array(element), Value::Array(cells)) => {
            let cells: Vec<String> = cells.iter().map(|cell| expression(cell, element)).collect();
            format!("[{}]", cells.join(", "))
        }
        (Type::Float64, _) => float(float_of(cell).expect("a FLOAT64 is 16 digits")),
        (Type::String, Value::String(text)) => literal::text(text),
        (Type::Bytes, Value::String(hex)) => format!("from_hex('{hex}')"),
        (Type::Numeric, Value::String(digits)) => format!("cast('{digits}' as NUMERIC)"),
        (Type::Date, Value::Number(days)) => day(days.as_i64().unwrap_or(0)),
        (Type::Timestamp, Value::Number(micros)) => instant(micros.as_i64().unwrap_or(0)),
        // Its digits alone would be too large before the sign is read.
        (Type::Int64, Value::Number(n)) if n.as_i64() == Some(i64::MIN) => {
            "(-9223372036854775807 - 1)".to_owned()
        }
        (_, other) => other.to_string(),
    }
}

fn float(value: f64) -> String {
    if value.is_finite() { format!("{value:e}") } else { format!("cast('{value}' as FLOAT64)") }
}

fn day(days: i64) -> String {
    let day = date(1970, 1, 1).checked_add(days.days()).expect("generated dates are in range");
    format!("date '{day}'")
}

fn instant(micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).expect("generated instants are in range");
    format!("timestamp '{}'", at.strftime("%Y-%m-%d %H:%M:%S%.6f+00"))
}

/// A cell as a value of a column in DuckDB, whose type is known: NUMERIC and arrays are spelled in
/// other ways there.
pub fn duckdb_value(cell: &Cell, kind: &Type) -> String {
    match (kind, cell) {
        (_, Value::Null) => "null".to_owned(),
        (Type::Array(element), Value::Array(cells)) => {
            let cells: Vec<String> = cells.iter().map(|cell| duckdb_value(cell, element)).collect();
            format!("cast([{}] as {})", cells.join(", "), duckdb_type(kind))
        }
        (Type::Numeric, Value::String(digits)) => format!("'{digits}'"),
        _ => expression(cell, kind),
    }
}

/// DuckDB's type of that name; NUMERIC and arrays are spelled in other ways.
pub fn duckdb_type(kind: &Type) -> String {
    match kind {
        Type::Array(element) => format!("{}[]", duckdb_type(element)),
        Type::Numeric => "decimal(38, 9)".to_owned(),
        other => other.to_string(),
    }
}
