//! What is not the same each time.

use crate::rules::{Rule, Severity};

/// No function of the clock or of chance.
pub static VOLATILE: Rule = Rule {
    code: "LB080",
    name: "volatile",
    severity: Severity::Error,
    about: "No function of the clock or of chance.",
    why: "A table is a function of its inputs: a rebuild must give the same rows.",
    instead: "Use @from_date, @to_date, or a column such as `published_at`.",
    bad: "select user_hk, current_timestamp() as seen_at from vault.hub_user",
    good: "select user_hk, first_seen_at as seen_at from vault.hub_user",
};

/// A window's order has no ties that can be seen.
pub static TIES: Rule = Rule {
    code: "LB081",
    name: "ties",
    severity: Severity::Error,
    about: "A window's order has no ties that can be seen.",
    why: "Among rows that tie an engine takes any, and another one the next time.",
    instead: "End the order with columns that tell the rows apart, such as the grain.",
    bad: "select user_hk, row_number() over (order by first_seen_at) as n from vault.hub_user",
    good: "select user_hk, row_number() over (order by first_seen_at, user_hk) as n from vault.hub_user",
};

/// What depends on an order says one.
pub static NO_ORDER: Rule = Rule {
    code: "LB082",
    name: "no-order",
    severity: Severity::Error,
    about: "What depends on an order says one.",
    why: "Without it an engine takes the rows as they come.",
    instead: "Add `order by` with columns that tell the rows apart.",
    bad: "select string_agg(user_id, ',') as ids from vault.hub_user",
    good: "select string_agg(user_id, ',' order by user_id) as ids from vault.hub_user",
};

/// LIMIT follows a total order.
pub static LIMIT: Rule = Rule {
    code: "LB083",
    name: "limit",
    severity: Severity::Error,
    about: "LIMIT follows a total order.",
    why: "Among rows that tie at the limit an engine takes any.",
    instead: "Order by columns that tell the rows apart, such as the grain.",
    bad: "select user_hk from vault.hub_user order by first_seen_at limit 10",
    good: "select user_hk from vault.hub_user order by first_seen_at, user_hk limit 10",
};

/// `ANY_VALUE` is taken of what is the same in the whole group.
pub static ANY_VALUE: Rule = Rule {
    code: "LB084",
    name: "any-value",
    severity: Severity::Error,
    about: "ANY_VALUE is taken of what is the same in the whole group.",
    why: "Else an engine takes any.",
    instead: "Write `min(x)`, or number the rows.",
    bad: "select any_value(user_id) as x from vault.hub_user",
    good: "select min(user_id) as x from vault.hub_user",
};

/// Tables store exact numbers.
pub static INEXACT: Rule = Rule {
    code: "LB085",
    name: "inexact",
    severity: Severity::Warning,
    about: "Tables store exact numbers.",
    why: "Sums and averages of FLOAT64 depend on the order of the rows, and approximate counts on the threads.",
    instead: "Store integers: micros, or numerator and denominator. A reader divides.",
    bad: "",
    good: "",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[&VOLATILE, &TIES, &NO_ORDER, &LIMIT, &ANY_VALUE, &INEXACT];
