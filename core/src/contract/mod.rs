//! Contracts: what a table promises, written in TOML at the top of its file.
//!
//! Everything that anyone must know of a table stands here: columns and types, grain, how it is
//! built, what it reads beyond its own window, what must hold. Not for: reading files (`project`),
//! nor judging a contract against data (`builder::checks`). No I/O.

mod byte_size;
pub mod expression;
pub mod file;
pub mod source;

use std::{collections::BTreeMap, fmt};

use indexmap::IndexMap;

pub use byte_size::ByteSize;
use serde::{Deserialize, Serialize};

/// The column that says when a message was published; technical layers are partitioned by it.
pub const LOAD_DATE: &str = "load_date";

/// The name of a table, `layer.table`: the same in every engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableName(String);

impl TableName {
    /// `layer` and `table` are the folder and the file name, without its ending.
    pub fn new(layer: &str, table: &str) -> Self {
        Self(format!("{layer}.{table}"))
    }

    /// Reads `layer.table`; anything else is no table's name.
    pub fn parse(text: &str) -> Option<Self> {
        let (layer, table) = text.split_once('.')?;
        let is_word = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        (is_word(layer) && is_word(table)).then(|| Self::new(layer, table))
    }

    /// The layer, such as `vault`.
    pub fn layer(&self) -> &str {
        self.0.split_once('.').map_or("", |(layer, _)| layer)
    }

    /// The table without its layer, such as `hub_user`.
    pub fn table(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, table)| table)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as TOML writes it, in quotes.
pub fn toml_text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// GoogleSQL's column types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ColumnType {
    /// Unicode text.
    String,
    /// A 64-bit integer.
    Int64,
    /// A double; sums of it are not exact.
    Float64,
    /// True or false.
    Bool,
    /// A civil date.
    Date,
    /// An instant, UTC, microseconds.
    Timestamp,
    /// Bytes.
    Bytes,
    /// 38 digits, 9 of them after the point.
    Numeric,
    /// A JSON value.
    Json,
}

/// How one build of a table changes it (DESIGN: the semantic core).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildKind {
    /// Replaces a window of partitions, whole.
    Partition,
    /// Replaces the rows that came from a window of load dates, in a table partitioned by business date.
    Delta,
    /// Merges rows by key under a total order, from inputs that only ever grow.
    Merge,
    /// Replaces, for the keys that a window touches, what lies at or after the earliest touched instant.
    History,
    /// Replaces the whole table.
    Full,
    /// Stores nothing.
    View,
    /// Comes from a CSV file of the project.
    Seed,
}

/// With what a table grows; decides how it may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Growth {
    /// With every event: read only through a constant predicate on the partition column.
    Events,
    /// With the number of users, products and so on.
    Entities,
    /// Not with the business.
    Fixed,
}

/// An engine that may run a table's SELECT in the place of the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// Apache Spark.
    Spark,
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spark => "spark",
        })
    }
}

/// One column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether it never is NULL.
    #[serde(default)]
    pub required: bool,
    /// What it means, for people.
    #[serde(default)]
    pub about: String,
    /// The values that it may have; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// `layer.table.column` in which each value must be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<String>,
    /// Whether it speaks of when messages came: then it may differ when they come later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arrival: bool,
}

/// What a broken check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Keeps the old data and stops what is downstream.
    Fail,
    /// Reports.
    Warn,
}

/// A condition that every row just built must meet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it is called in reports.
    pub name: String,
    /// A boolean SQL expression over the table's columns.
    pub expect: String,
    /// What a row that does not meet it does.
    #[serde(default = "fail")]
    pub severity: Severity,
}

fn fail() -> Severity {
    Severity::Fail
}

/// What one build reads of an input beyond the same partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// How many partitions before the window: an expression over parameters, such as `lookback_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_before: Option<String>,
    /// How many partitions after the window, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_after: Option<String>,
    /// The rows valid up to the end of the partition's date, of a `history` table.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_of: bool,
    /// All of it, though both have partitions: a change anywhere makes every partition stale.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// It only adds columns to rows: a partition without rows of other inputs has none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lookup: bool,
}

/// One column of a total order, written as in SQL: `last_seen_at desc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderTerm {
    /// The column.
    pub column: String,
    /// Whether the greatest value comes first.
    pub is_descending: bool,
}

impl TryFrom<String> for OrderTerm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let is_descending = match (words.next(), words.next(), words.next()) {
            (Some(_), None | Some("asc"), None) => false,
            (Some(_), Some("desc"), None) => true,
            _ => return Err(format!("`{text}` is not a column, nor a column and `desc`")),
        };
        let column = text.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(Self { column, is_descending })
    }
}

impl From<OrderTerm> for String {
    fn from(term: OrderTerm) -> Self {
        if term.is_descending { format!("{} desc", term.column) } else { term.column }
    }
}

/// A column of a satellite; the least value in the window, of all such columns, is `@cut` of a
/// `history` build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The satellite.
    pub table: String,
    /// Its column of effective times.
    pub column: String,
}

/// What a table promises.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What the table is for, in a sentence.
    pub about: String,
    /// The columns of which no two rows have the same values.
    pub grain: Vec<String>,
    /// How it is built.
    pub build: BuildKind,
    /// The DATE column of its partitions; `history` may have a TIMESTAMP column, whose date counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<String>,
    /// `delta`: the DATE column of the window that rows came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_by: Option<String>,
    /// `merge`: the winner among rows of one key is the first in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<OrderTerm>,
    /// `merge`: columns of which the least value is kept, whoever wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub least: Vec<String>,
    /// `history`: where `@cut` comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
    /// `history`: the column that ends a row's validity; it follows from the next row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
    /// With what it grows.
    pub growth: Growth,
    /// The columns by which rows are kept together, at most four.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_by: Vec<String>,
    /// What the build of one day may scan in BigQuery at the most, such as `"50 GB"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scan: Option<ByteSize>,
    /// Who answers for it.
    pub owner: String,
    /// The engines besides the warehouse that may run its SELECT; if nothing is said, the layer
    /// decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engines: Option<Vec<EngineName>>,
    /// Integers for the SQL: each an expression over numbers and sources' parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What it reads beyond its own window, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reads: BTreeMap<String, Read>,
    /// Its columns, in order.
    pub columns: IndexMap<String, Column>,
    /// What must hold of each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

impl Contract {
    /// Whether a column speaks of when messages came, and not of what happened: the load date, the
    /// column by which the window of a `delta` is told, and those that say `arrival = true`.
    pub fn is_of_arrival(&self, column: &str) -> bool {
        column == LOAD_DATE
            || self.window_by.as_deref() == Some(column)
            || self.columns.get(column).is_some_and(|column| column.arrival)
    }

    /// The fields that have meaning, as JSON: prose, owners and engines, which all give the same rows,
    /// do not make a table stale.
    pub fn meaning(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).expect("a contract is plain data");
        let fields = value.as_object_mut().expect("a contract is an object");
        for prose in ["about", "owner", "engines", "max_scan"] {
            fields.remove(prose);
        }
        if let Some(columns) = fields.get_mut("columns").and_then(serde_json::Value::as_object_mut)
        {
            for column in columns.values_mut().filter_map(serde_json::Value::as_object_mut) {
                column.remove("about");
                column.remove("arrival");
            }
        }
        // Objects are sorted by key in JSON; the order of columns has meaning, so it stands apart.
        let order: Vec<&str> = self.columns.keys().map(String::as_str).collect();
        fields.insert("column_order".to_owned(), order.into());
        value
    }
}
