//! Names: tables, columns, functions, layers.

use crate::rules::{Rule, Severity};

/// A table that is read exists.
pub static UNKNOWN_TABLE: Rule = Rule {
    code: "LB010",
    name: "unknown-table",
    severity: Severity::Error,
    about: "A table that is read exists.",
    why: "The order of builds is read from the names in the queries.",
    instead: "Write the whole name, `layer.table`; `lakebed show` lists them.",
    bad: "select a from vault.hub_usr",
    good: "select user_hk from vault.hub_user",
};

/// A column that is named exists, where GoogleSQL looks for it.
pub static UNKNOWN_COLUMN: Rule = Rule {
    code: "LB011",
    name: "unknown-column",
    severity: Severity::Error,
    about: "A column that is named exists, where GoogleSQL looks for it.",
    why: "DuckDB lets one expression of a SELECT, and WHERE, use an alias of the same SELECT; GoogleSQL does not.",
    instead: "Write the name as the contract has it. To use an alias, put the SELECT that makes it into a CTE.",
    bad: "select user_key from vault.hub_user",
    good: "select user_hk from vault.hub_user",
};

/// A name means one column.
pub static AMBIGUOUS_COLUMN: Rule = Rule {
    code: "LB012",
    name: "ambiguous-column",
    severity: Severity::Error,
    about: "A name means one column.",
    why: "Two tables have the column, and engines refuse to guess.",
    instead: "Write `table.column`.",
    bad: "select user_hk from vault.hub_user as a cross join vault.hub_user as b",
    good: "select a.user_hk from vault.hub_user as a cross join vault.hub_user as b",
};

/// A layer reads the layer below it, itself, and seeds.
pub static LAYER: Rule = Rule {
    code: "LB013",
    name: "layer",
    severity: Severity::Error,
    about: "A layer reads the layer below it, itself, and seeds.",
    why: "A definition that is skipped is made a second time, and differs.",
    instead: "Read the table of the layer below; bring the column up where it is missing.",
    bad: "",
    good: "",
};

/// A function is one of the subset, or of layers/functions/.
pub static UNKNOWN_FUNCTION: Rule = Rule {
    code: "LB014",
    name: "unknown-function",
    severity: Severity::Error,
    about: "A function is one of the subset, or of layers/functions/.",
    why: "A function that one engine has and another has not stops the build there.",
    instead: "docs/portable-sql.md lists the functions.",
    bad: "select fingerprint(user_id) from vault.hub_user",
    good: "select udf.hash_key(user_id) from vault.hub_user",
};

/// A function that engines do not mean alike is not used.
pub static FUNCTION_OUTSIDE: Rule = Rule {
    code: "LB015",
    name: "function-outside",
    severity: Severity::Error,
    about: "A function that engines do not mean alike is not used.",
    why: "It is missing in one engine, or gives other values there.",
    instead: "Write what the message says.",
    bad: "select date_trunc(first_load_date, month) from vault.hub_user",
    good: "select udf.month_start(first_load_date) from vault.hub_user",
};

/// A window that is named is defined.
pub static UNKNOWN_WINDOW: Rule = Rule {
    code: "LB016",
    name: "unknown-window",
    severity: Severity::Error,
    about: "A window that is named is defined.",
    why: "`over w` means `window w as (…)` at the end of the SELECT.",
    instead: "Define it: `window w as (partition by … order by …)`.",
    bad: "select count(*) over w from vault.hub_user",
    good: "select count(*) over w from vault.hub_user window w as (partition by user_id)",
};

/// A name is no reserved word of any engine.
pub static RESERVED_WORD: Rule = Rule {
    code: "LB017",
    name: "reserved-word",
    severity: Severity::Error,
    about: "A name is no reserved word of any engine.",
    why: "What one engine reads as a name another reads as a keyword.",
    instead: "Choose another name; for tables and columns of others, an alias.",
    bad: "select user_id as rows from vault.hub_user",
    good: "select user_id as row_id from vault.hub_user",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[
    &UNKNOWN_TABLE,
    &UNKNOWN_COLUMN,
    &AMBIGUOUS_COLUMN,
    &LAYER,
    &UNKNOWN_FUNCTION,
    &FUNCTION_OUTSIDE,
    &UNKNOWN_WINDOW,
    &RESERVED_WORD,
];
