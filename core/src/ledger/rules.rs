//! What BigQuery counts and what it leaves out, each rule with where it was read and how sure it is.
//!
//! The ledger computes with these values, and `docs/ledger.md` is made from them. What the sources say was
//! read in stored copies of 2026-08 to 2026-09; nothing was tried on BigQuery itself.

use serde::Serialize;

use crate::contract::ColumnType;

/// How sure a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Google's documents say so.
    Documented,
    /// A note that quotes Google's page says so.
    Quoted,
    /// It follows from what the documents say.
    Inferred,
    /// Nothing that was found says so. The ledger takes the dearer reading.
    Assumed,
}

/// One rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// A short name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Where it was read: pages of Google's documents by their last part.
    pub source: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
}

/// What a value takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeSize {
    /// The type.
    pub kind: ColumnType,
    /// Bytes of a value that is not NULL.
    pub bytes: u64,
    /// Whether the value's own length in bytes comes to that.
    pub has_length: bool,
}

/// Which bytes a kind of statement processes, besides those of the columns that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfTarget {
    /// None.
    Nothing,
    /// All columns of all partitions that it may change, as they were before.
    ChangedPartitions,
}

/// What a kind of statement processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRule {
    /// As it is written.
    pub statement: &'static str,
    /// Whether the columns that it reads are counted, in the partitions that it reaches.
    pub counts_reads: bool,
    /// What is counted of the table that it changes.
    pub target: OfTarget,
}

/// Sizes of values (rule `sizes`).
pub static SIZES: [TypeSize; 9] = [
    fixed(ColumnType::Int64, 8),
    fixed(ColumnType::Float64, 8),
    fixed(ColumnType::Date, 8),
    fixed(ColumnType::Timestamp, 8),
    fixed(ColumnType::Bool, 1),
    fixed(ColumnType::Numeric, 16),
    TypeSize { kind: ColumnType::String, bytes: 2, has_length: true },
    TypeSize { kind: ColumnType::Bytes, bytes: 2, has_length: true },
    TypeSize { kind: ColumnType::Json, bytes: 0, has_length: true },
];

const fn fixed(kind: ColumnType, bytes: u64) -> TypeSize {
    TypeSize { kind, bytes, has_length: false }
}

/// The size of a value of a type.
pub fn size(kind: ColumnType) -> TypeSize {
    SIZES.into_iter().find(|size| size.kind == kind).unwrap_or(fixed(kind, 8))
}

/// Statements (rules `select`, `insert`, `delete`, `merge`, `definitions`).
pub static SELECT: StatementRule = StatementRule {
    statement: "SELECT, CREATE TABLE AS",
    counts_reads: true,
    target: OfTarget::Nothing,
};
/// INSERT.
pub static INSERT: StatementRule =
    StatementRule { statement: "INSERT", counts_reads: true, target: OfTarget::Nothing };
/// UPDATE and DELETE.
pub static CHANGE: StatementRule = StatementRule {
    statement: "UPDATE, DELETE",
    counts_reads: true,
    target: OfTarget::ChangedPartitions,
};
/// MERGE that updates or deletes.
pub static MERGE: StatementRule = StatementRule {
    statement: "MERGE that updates or deletes",
    counts_reads: true,
    target: OfTarget::ChangedPartitions,
};
/// MERGE with INSERT clauses only.
pub static MERGE_INSERTS: StatementRule = StatementRule {
    statement: "MERGE that only inserts",
    counts_reads: true,
    target: OfTarget::Nothing,
};
/// What only touches metadata.
pub static FREE: StatementRule = StatementRule {
    statement: "TRUNCATE, DELETE of whole partitions, CREATE, DROP, views",
    counts_reads: false,
    target: OfTarget::Nothing,
};

/// In the order of the page.
pub static STATEMENTS: [&StatementRule; 6] =
    [&SELECT, &INSERT, &CHANGE, &MERGE, &MERGE_INSERTS, &FREE];

/// Bytes of a megabyte, to which billed bytes are rounded up.
pub const MEGABYTE: u64 = 1 << 20;
/// The least that is billed for a table of a statement, and for a statement (rule `minimum`).
pub const BILLED_BYTES_MIN: u64 = 10 * MEGABYTE;

/// Functions of the partition column within which a condition still leaves out partitions (rule
/// `pruning-functions`).
pub static WITHIN: [&str; 16] = [
    "date",
    "timestamp",
    "cast",
    "safe_cast",
    "extract",
    "date_add",
    "date_sub",
    "date_diff",
    "date_trunc",
    "timestamp_add",
    "timestamp_sub",
    "timestamp_diff",
    "timestamp_trunc",
    "format_timestamp",
    "format_date",
    "datetime",
];

macro_rules! rules {
    ($($(#[$about:meta])* $id:ident = $name:literal, $confidence:ident, $source:literal, $says:literal;)*) => {
        $($(#[$about])* pub static $id: Rule = Rule {
            name: $name, says: $says, source: $source, confidence: Confidence::$confidence,
        };)*
        /// All, in the order of the page.
        pub static RULES: &[&Rule] = &[$(&$id),*];
    };
}

rules! {
    /// Sizes of types.
    SIZES_OF_TYPES = "sizes", Documented, "reference/standard-sql/data-types, \"Data type sizes\"",
        "INT64, FLOAT64, DATE, TIMESTAMP 8 bytes; BOOL 1; NUMERIC 16; STRING and BYTES 2 and their length in bytes; JSON the length of its canonical text. A STRUCT or ARRAY is the sum of its parts.";
    /// NULL.
    NULL_IS_FREE = "null", Documented, "reference/standard-sql/data-types, \"Data type sizes\"",
        "NULL of any type is 0 bytes.";
    /// Columns.
    COLUMNS = "columns", Documented, "best-practices-costs",
        "Only columns that the result needs are counted, however wide the table is. A LIMIT does not change that.";
    /// One table at several places.
    ONCE = "once", Assumed, "",
        "A column of a partition that a statement reads at several places is counted once for the statement.";
    /// What a SELECT processes.
    READS = "select", Documented, "best-practices-costs, reference/standard-sql/dml-syntax",
        "A SELECT, alone or in CREATE TABLE AS, processes the columns that it reads in the partitions that it reaches.";
    /// What an INSERT processes.
    INSERTS = "insert", Documented, "reference/standard-sql/dml-syntax",
        "INSERT processes what its SELECT reads, and nothing of the table itself. VALUES are free.";
    /// What an UPDATE or a DELETE processes.
    CHANGES = "delete", Documented, "reference/standard-sql/dml-syntax",
        "UPDATE and DELETE process the columns that they read, and besides all columns of all partitions that they change, as they were before. Which those are is not known beforehand: the ledger takes all that are reached.";
    /// What a MERGE processes.
    MERGES = "merge", Documented, "reference/standard-sql/dml-syntax",
        "MERGE with INSERT clauses only processes what it reads; with others, besides, all of the partitions that it changes. It prunes its table by constants in ON or in its clauses.";
    /// Deletes that are free.
    WHOLE_PARTITIONS = "whole-partitions", Documented, "using-dml-with-partitioned-tables",
        "A DELETE that covers whole partitions, by constants on the partition column and nothing else, scans nothing, also within a transaction.";
    /// Clustering and free deletes.
    CLUSTERING_SPOILS = "clustering-spoils", Documented, "using-dml-with-partitioned-tables",
        "That might not hold of tables that are clustered by other columns: what is billed then is the upper bound that the ledger shows beside.";
    /// What is free.
    DEFINITIONS = "definitions", Documented, "reference/standard-sql/data-definition-language, reference/standard-sql/dml-syntax",
        "TRUNCATE, CREATE TABLE without a query, CREATE VIEW and DROP process nothing.";
    /// Pruning.
    PRUNING = "pruning", Documented, "querying-partitioned-tables",
        "A partition is left out if a condition that is a constant comparison of the partition column rules it out; other conditions beside it by AND do no harm.";
    /// Functions that prune.
    PRUNING_FUNCTIONS = "pruning-functions", Documented, "querying-partitioned-tables",
        "The column may stand within the functions that are listed below.";
    /// What does not prune.
    NO_CONSTANT = "no-constant", Documented, "querying-partitioned-tables",
        "A subquery, another column, an OR with other columns, arithmetic and other functions leave out nothing.";
    /// Conditions from outside.
    SAME_SELECT = "same-select", Assumed, "",
        "Conditions count in the SELECT that names the table, in its WHERE and in the ON of its joins. Engines push conditions further down; the ledger does not count on it.";
    /// Out of range.
    OUT_OF_RANGE = "out-of-range", Documented, "partitioned-tables",
        "Dates before 1960 and after 2159 lie together in one partition. It is read if the condition may hold for any such date.";
    /// Clustering.
    CLUSTERING = "clustering", Documented, "clustered-tables, querying-clustered-tables",
        "Of a clustered table less may be read, if constants are compared with its first columns. How much less nobody promises: a dry run is an upper bound, and so is the ledger.";
    /// Views.
    VIEWS = "views", Documented, "best-practices-costs",
        "A view counts the tables that its query reads, and what that query reads of them.";
    /// External tables.
    EXTERNAL = "external", Documented, "external-tables, hive-partitioned-queries",
        "An external table counts its columns in BigQuery's sizes, whatever its files take; it is pruned by the keys of its folders.";
    /// The minimum.
    MINIMUM = "minimum", Quoted, "cloud.google.com/bigquery/pricing, read 2026-09-28",
        "Billed bytes are rounded up to the megabyte, with 10 MB (10,485,760 bytes) at least for each table that a statement reads, and for the statement. A statement that processes nothing is free, and so is one that fails.";
}

/// What a warehouse takes of a table or a statement, and no more.
#[derive(Debug, PartialEq, Serialize)]
pub struct Limit {
    /// A short name.
    pub name: &'static str,
    /// How many.
    pub most: f64,
    /// What is counted.
    pub of: &'static str,
    /// Where it was read.
    pub source: &'static str,
}

/// Partitions of a table.
pub static PARTITIONS_OF_TABLE: Limit =
    Limit { name: "partitions", most: 10_000.0, of: "partitions of a table", source: "quotas" };
/// Partitions that a job changes.
pub static PARTITIONS_OF_JOB: Limit = Limit {
    name: "partitions-of-a-job",
    most: 4_000.0,
    of: "partitions that one statement changes",
    source: "quotas",
};
/// Load jobs of a table and day.
pub static LOADS_OF_TABLE: Limit =
    Limit { name: "loads", most: 1_500.0, of: "load jobs of a table and day", source: "quotas" };
/// Statements that change rows of a table.
pub static STATEMENTS_OF_TABLE: Limit = Limit {
    name: "statements",
    most: 25.0,
    of: "statements that change rows of a table, in 10 seconds",
    source: "quotas",
};
/// The text of a statement.
pub static TEXT: Limit =
    Limit { name: "text", most: 1_048_576.0, of: "bytes of a statement's text", source: "quotas" };
/// The last year of partitions.
pub static LAST_YEAR: Limit = Limit {
    name: "last-year",
    most: 2_159.0,
    of: "the year of a partition's date; none before 1960",
    source: "partitioned-tables",
};

/// In the order of the page.
pub static LIMITS: [&Limit; 6] = [
    &PARTITIONS_OF_TABLE,
    &PARTITIONS_OF_JOB,
    &LOADS_OF_TABLE,
    &STATEMENTS_OF_TABLE,
    &TEXT,
    &LAST_YEAR,
];
