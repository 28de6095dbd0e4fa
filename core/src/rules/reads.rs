//! How far a query reads its inputs.

use crate::rules::{Rule, Severity};

/// A table that grows with events is read through constant dates of its partition column.
pub static PARTITION_PREDICATE: Rule = Rule {
    code: "LB070",
    name: "partition-predicate",
    severity: Severity::Error,
    about: "A table that grows with events is read through constant dates of its partition column.",
    why: "Without them every build reads all of history: it costs more each day.",
    instead: "Add `load_date between @from_date and @to_date`, or what the column is called.",
    bad: "",
    good: "",
};

/// The partition column stands bare in the predicate.
pub static WRAPPED_PARTITION: Rule = Rule {
    code: "LB071",
    name: "wrapped-partition",
    severity: Severity::Error,
    about: "The partition column stands bare in the predicate.",
    why: "BigQuery does not prune partitions by an expression of the column.",
    instead: "Move the arithmetic to the other side of the comparison.",
    bad: "",
    good: "",
};

/// The query reads no further than the contract says.
pub static UNDECLARED_READS: Rule = Rule {
    code: "LB072",
    name: "undeclared-reads",
    severity: Severity::Error,
    about: "The query reads no further than the contract says.",
    why: "A change in a partition that the planner does not know of leaves the table stale, silently.",
    instead: r#"Add `days_before` or `days_after` under `[reads."layer.table"]`, or read less."#,
    bad: "",
    good: "",
};

/// The contract declares no more than the query reads.
pub static UNUSED_READS: Rule = Rule {
    code: "LB073",
    name: "unused-reads",
    severity: Severity::Warning,
    about: "The contract declares no more than the query reads.",
    why: "The planner rebuilds partitions for changes that cannot reach them.",
    instead: "Lower `days_before` or `days_after`, or take them away.",
    bad: "",
    good: "",
};

/// A row depends on no more than its own day.
pub static DAYS_OF_A_BUILD: Rule = Rule {
    code: "LB074",
    name: "days-of-a-build",
    severity: Severity::Error,
    about: "A row does not depend on how many days are built together.",
    why: "A build takes one day or many: over the rows of all of them, ranks, running totals and LIMIT give other rows each time.",
    instead: "Begin the window with `partition by` and the table's date, or number the rows so and keep the first with `qualify`. A total over days wants the days before it: declare them under [reads].",
    bad: "",
    good: "",
};

/// A table that says what a day may scan does not scan more each day.
pub static SCAN_BUDGET: Rule = Rule {
    code: "LB075",
    name: "scan-budget",
    severity: Severity::Error,
    about: "A table that says what a day may scan reads nothing from its first row on.",
    why: "Such a read is longer each day, so that it passes any budget in time: `lakebed growth` says when.",
    instead: "Bound the partition column from below by a constant date, or take `max_scan` away.",
    bad: "",
    good: "",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[
    &PARTITION_PREDICATE,
    &WRAPPED_PARTITION,
    &UNDECLARED_READS,
    &UNUSED_READS,
    &DAYS_OF_A_BUILD,
    &SCAN_BUDGET,
];
