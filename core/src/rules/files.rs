//! Files: contracts, syntax, parameters.

use crate::rules::{Rule, Severity};

/// A file of the project can be read.
pub static FILE: Rule = Rule {
    code: "LB001",
    name: "file",
    severity: Severity::Error,
    about: "A file of the project can be read.",
    why: "A contract that cannot be read says nothing of its table, and everything that reads it is in the dark.",
    instead: "Mend the file at the place shown; docs/contracts.md has every field.",
    bad: "",
    good: "",
};

/// A table is one query that parses.
pub static SYNTAX: Rule = Rule {
    code: "LB002",
    name: "syntax",
    severity: Severity::Error,
    about: "A table is one query that parses.",
    why: "What does not parse is SQL in no engine.",
    instead: "Write `select …` or `with … select …`.",
    bad: "select user_hk from vault.hub_user where )",
    good: "select user_hk from vault.hub_user",
};

/// A query uses parameters that its kind of build has.
pub static PARAMETER: Rule = Rule {
    code: "LB003",
    name: "parameter",
    severity: Severity::Error,
    about: "A query uses parameters that its kind of build has.",
    why: "A parameter becomes a literal before the text reaches an engine, so it must be known.",
    instead: "Use @from_date and @to_date, or declare an integer under [parameters] of the contract.",
    bad: "",
    good: "",
};

/// No table reads itself through others.
pub static CIRCLE: Rule = Rule {
    code: "LB004",
    name: "circle",
    severity: Severity::Error,
    about: "No table reads itself through others.",
    why: "Tables in a circle have no order in which they could be built.",
    instead: "Let one of them read a table that does not read it.",
    bad: "",
    good: "",
};

/// The contract says of each input how it is read.
pub static READS_CONTRACT: Rule = Rule {
    code: "LB005",
    name: "reads-contract",
    severity: Severity::Error,
    about: "The contract says of each input how it is read.",
    why: "The planner knows from it which partitions are stale; without it a late file leaves old rows behind.",
    instead: r#"Add `[reads."layer.table"]` as the message says."#,
    bad: "",
    good: "",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[&FILE, &SYNTAX, &PARAMETER, &CIRCLE, &READS_CONTRACT];
