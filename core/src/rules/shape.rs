//! The shape of a query: clauses, grouping, set operations.

use crate::rules::{Rule, Severity};

/// Every clause is one of the subset.
pub static CLAUSE: Rule = Rule {
    code: "LB030",
    name: "clause",
    severity: Severity::Error,
    about: "Every clause is one of the subset.",
    why: "One engine cannot read it, or means something else.",
    instead: "docs/portable-sql.md lists the clauses, and what to write instead of others.",
    bad: "select distinct on (user_id) user_hk from vault.hub_user",
    good: "select distinct user_hk from vault.hub_user",
};

/// What stands within a call is of the subset.
pub static CALL_CLAUSE: Rule = Rule {
    code: "LB031",
    name: "call-clause",
    severity: Severity::Error,
    about: "What stands within a call is of the subset.",
    why: "One engine cannot read it.",
    instead: "Write what the message says.",
    bad: "select count(*) filter (where user_id = 'x') as n from vault.hub_user",
    good: "select countif(user_id = 'x') as n from vault.hub_user",
};

/// QUALIFY follows WHERE, GROUP BY or HAVING.
pub static QUALIFY_ALONE: Rule = Rule {
    code: "LB032",
    name: "qualify-alone",
    severity: Severity::Error,
    about: "QUALIFY follows WHERE, GROUP BY or HAVING.",
    why: "BigQuery refuses it without one of them.",
    instead: "Write `where true` before it.",
    bad: "select user_hk from vault.hub_user qualify row_number() over (partition by user_hk order by user_id) = 1",
    good: "select user_hk from vault.hub_user where true qualify row_number() over (partition by user_hk order by user_id) = 1",
};

/// UNION, EXCEPT and INTERSECT say ALL or DISTINCT, and both sides have as many columns.
pub static SET_OPERATION: Rule = Rule {
    code: "LB033",
    name: "set-operation",
    severity: Severity::Error,
    about: "UNION, EXCEPT and INTERSECT say ALL or DISTINCT, and both sides have as many columns.",
    why: "GoogleSQL asks for the word; DuckDB has a default, and ALL forms of its own.",
    instead: "Write `union all`, `union distinct`, `except distinct` or `intersect distinct`.",
    bad: "select user_hk from vault.hub_user union select user_hk from vault.hub_user",
    good: "select user_hk from vault.hub_user union distinct select user_hk from vault.hub_user",
};

/// GROUP BY names no alias that hides a column.
pub static SHADOWED_GROUP: Rule = Rule {
    code: "LB034",
    name: "shadowed-group",
    severity: Severity::Error,
    about: "GROUP BY names no alias that hides a column.",
    why: "GoogleSQL groups by the alias, DuckDB by the column: other groups, silently.",
    instead: "Give the alias another name, or group by the whole expression.",
    bad: "select lower(user_id) as user_id, count(*) as n from vault.hub_user group by user_id",
    good: "select lower(user_id) as key, count(*) as n from vault.hub_user group by key",
};

/// Beside aggregates stand only columns that are grouped by.
pub static NOT_GROUPED: Rule = Rule {
    code: "LB035",
    name: "not-grouped",
    severity: Severity::Error,
    about: "Beside aggregates stand only columns that are grouped by.",
    why: "A group has no one value of another column.",
    instead: "Group by it, or take `min(x)` or `max(x)`.",
    bad: "select user_hk, count(*) as n from vault.hub_user",
    good: "select user_hk, count(*) as n from vault.hub_user group by user_hk",
};

/// Aggregates stand in SELECT, HAVING, QUALIFY and ORDER BY, not in each other.
pub static NESTED_AGGREGATE: Rule = Rule {
    code: "LB036",
    name: "misplaced-aggregate",
    severity: Severity::Error,
    about: "Aggregates stand in SELECT, HAVING, QUALIFY and ORDER BY, not in each other.",
    why: "Rows are grouped after WHERE, and once.",
    instead: "Put the inner one into a CTE; filter groups by HAVING.",
    bad: "select max(count(*)) as n from vault.hub_user",
    good: "select count(*) as n from vault.hub_user",
};

/// Where Spark may run the query, all of it is of the narrower size.
pub static NOT_IN_SPARK: Rule = Rule {
    code: "LB037",
    name: "not-in-spark",
    severity: Severity::Error,
    about: "Where Spark may run the query, all of it is of the narrower size.",
    why: "Spark does not know it, or means something else.",
    instead: "docs/portable-sql.md marks what Spark shares; `engines = []` in the contract keeps the table off Spark.",
    bad: "",
    good: "",
};

/// A join finds its rows by comparing.
pub static SLOW_JOIN: Rule = Rule {
    code: "LB038",
    name: "slow-join",
    severity: Severity::Warning,
    about: "A join compares a column of one side with a column of the other; an outer join by nothing else.",
    why: "DuckDB compares each row with each: twice the rows take four times the time.",
    instead: "Write plain comparisons, and give an end that may be NULL a value in a CTE. What is only about the kept side belongs into the SELECT.",
    bad: "select u.user_hk, p.plan from vault.hub_user as u left join vault.sat_user_profile as p on p.user_hk = u.user_hk and ifnull(p.effective_at > u.first_seen_at, true)",
    good: "select u.user_hk, p.plan from vault.hub_user as u left join vault.sat_user_profile as p on p.user_hk = u.user_hk and p.effective_at > u.first_seen_at",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[
    &CLAUSE,
    &CALL_CLAUSE,
    &QUALIFY_ALONE,
    &SET_OPERATION,
    &SHADOWED_GROUP,
    &NOT_GROUPED,
    &NESTED_AGGREGATE,
    &NOT_IN_SPARK,
    &SLOW_JOIN,
];
