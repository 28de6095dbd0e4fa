//! GoogleSQL's types, as far as the portable subset has them.

use std::fmt;

use crate::contract::ColumnType;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing is known: it fits everywhere, so that one mistake is reported once.
    Unknown,
    /// The literal NULL.
    Null,
    /// True or false.
    Bool,
    /// A 64-bit integer.
    Int64,
    /// A double.
    Float64,
    /// 38 digits, 9 of them after the point.
    Numeric,
    /// Unicode text.
    String,
    /// Bytes.
    Bytes,
    /// A civil date.
    Date,
    /// An instant, UTC.
    Timestamp,
    /// A JSON value.
    Json,
    /// A distance in time: only an argument, never a column.
    Interval,
    /// Elements of one type.
    Array(Box<Type>),
    /// Fields by name, in order.
    Struct(Vec<(String, Type)>),
    /// Any one type, the same wherever the name stands in a signature.
    Variable(String),
}

impl Type {
    /// Reads a type as `functions.toml` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(element) = text.strip_prefix("ARRAY<").and_then(|rest| rest.strip_suffix('>')) {
            return Some(Self::Array(Box::new(Self::parse(element)?)));
        }
        Some(match text {
            "BOOL" => Self::Bool,
            "INT64" => Self::Int64,
            "FLOAT64" => Self::Float64,
            "NUMERIC" => Self::Numeric,
            "STRING" => Self::String,
            "BYTES" => Self::Bytes,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            "JSON" => Self::Json,
            "INTERVAL" => Self::Interval,
            "T" | "U" => Self::Variable(text.to_owned()),
            _ => return None,
        })
    }

    /// Whether nothing can be said against a value of it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Unknown | Self::Null)
    }

    /// Whether it counts or measures.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int64 | Self::Float64 | Self::Numeric)
    }

    /// Whether a value of it may stand where `wanted` is asked for, in all engines.
    pub fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (a, b) if a.is_open() || *b == Self::Unknown || a == b => true,
            (Self::Int64, Self::Float64 | Self::Numeric) | (Self::Numeric, Self::Float64) => true,
            (Self::Array(a), Self::Array(b)) => a.fits(b),
            _ => false,
        }
    }

    /// The one type that values of both have together, such as the branches of a CASE.
    pub fn common(&self, other: &Self) -> Option<Self> {
        if self.fits(other) {
            return Some(if other.is_open() { self.clone() } else { other.clone() });
        }
        other.fits(self).then(|| self.clone())
    }
}

impl From<ColumnType> for Type {
    fn from(kind: ColumnType) -> Self {
        match kind {
            ColumnType::String => Self::String,
            ColumnType::Int64 => Self::Int64,
            ColumnType::Float64 => Self::Float64,
            ColumnType::Bool => Self::Bool,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::Bytes => Self::Bytes,
            ColumnType::Numeric => Self::Numeric,
            ColumnType::Json => Self::Json,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("an unknown type"),
            Self::Null => f.write_str("NULL"),
            Self::Bool => f.write_str("BOOL"),
            Self::Int64 => f.write_str("INT64"),
            Self::Float64 => f.write_str("FLOAT64"),
            Self::Numeric => f.write_str("NUMERIC"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Json => f.write_str("JSON"),
            Self::Interval => f.write_str("INTERVAL"),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Struct(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
                write!(f, "STRUCT<{}>", fields.join(", "))
            }
            Self::Variable(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_they_are_read() {
        for text in ["INT64", "ARRAY<STRING>", "ARRAY<T>", "INTERVAL", "U"] {
            assert_eq!(Type::parse(text).map(|kind| kind.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Type::parse("VARCHAR"), None);
    }

    #[test]
    fn only_numbers_widen() {
        assert_eq!(Type::Int64.common(&Type::Float64), Some(Type::Float64));
        assert_eq!(Type::Null.common(&Type::Date), Some(Type::Date));
        assert_eq!(Type::Date.common(&Type::Timestamp), None);
        assert!(!Type::Float64.fits(&Type::Int64));
    }
}
