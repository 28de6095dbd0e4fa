//! A query and its contract.

use crate::rules::{Rule, Severity};

/// The query returns the contract's columns in its order.
pub static COLUMNS: Rule = Rule {
    code: "LB060",
    name: "columns",
    severity: Severity::Error,
    about: "The query returns the contract's columns in its order.",
    why: "Rows are inserted by position of the contract: what reads the table trusts it.",
    instead: "Let the last SELECT list every column in the contract's order.",
    bad: "",
    good: "",
};

/// A column has the contract's type.
pub static COLUMN_TYPE: Rule = Rule {
    code: "LB061",
    name: "column-type",
    severity: Severity::Error,
    about: "A column has the contract's type.",
    why: "DuckDB may cast it silently, and BigQuery refuses the insert.",
    instead: "Write the type that the query returns, or cast in the query.",
    bad: "",
    good: "",
};

/// A required column is not made NULL by the query.
pub static REQUIRED: Rule = Rule {
    code: "LB062",
    name: "required",
    severity: Severity::Warning,
    about: "A required column is not made NULL by the query.",
    why: "The build fails on the first row that has it NULL.",
    instead: "Give a default: `ifnull(x, …)`, an ELSE, a third argument of `lag`; or take `required` away.",
    bad: "",
    good: "",
};

/// A reference names a column of a table.
pub static REFERENCE: Rule = Rule {
    code: "LB063",
    name: "reference",
    severity: Severity::Error,
    about: "A reference names a column of a table.",
    why: "The check after the build would fail on a name that is not there.",
    instead: "Write `layer.table.column`.",
    bad: "",
    good: "",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[&COLUMNS, &COLUMN_TYPE, &REQUIRED, &REFERENCE];
