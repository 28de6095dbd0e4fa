//! Expressions: types, operators, casts, arguments.

use crate::rules::{Rule, Severity};

/// Values fit together.
pub static TYPES: Rule = Rule {
    code: "LB040",
    name: "types",
    severity: Severity::Error,
    about: "Values fit together.",
    why: "DuckDB casts silently where GoogleSQL refuses: `1 = '1'` is true in one and an error in the other.",
    instead: "Cast one of them, or compare like with like.",
    bad: "select user_hk from vault.hub_user where first_load_date = first_seen_at",
    good: "select user_hk from vault.hub_user where first_load_date = date(first_seen_at)",
};

/// An operator is one that engines mean alike.
pub static OPERATOR: Rule = Rule {
    code: "LB041",
    name: "operator",
    severity: Severity::Error,
    about: "An operator is one that engines mean alike.",
    why: "`2 ^ 3` is 8 in DuckDB and 1 in GoogleSQL; `%` and `//` are DuckDB's alone; shifts differ below 0.",
    instead: "Write `pow(a, b)`, `mod(a, b)`, `div(a, b)`.",
    bad: "select 2 ^ 3 as x from vault.hub_user",
    good: "select pow(2e0, 3e0) as x from vault.hub_user",
};

/// A divisor is a literal above 0.
pub static DIVISION: Rule = Rule {
    code: "LB042",
    name: "division",
    severity: Severity::Error,
    about: "A divisor is a literal above 0.",
    why: "`1 / 0` is infinity in DuckDB and an error in GoogleSQL.",
    instead: "Write `safe_divide(a, b)`, which is NULL for a divisor of 0.",
    bad: "select length(user_id) / length(user_hk) as x from vault.hub_user",
    good: "select safe_divide(length(user_id), length(user_hk)) as x from vault.hub_user",
};

/// A cast is one that engines do alike.
pub static CAST: Rule = Rule {
    code: "LB043",
    name: "cast",
    severity: Severity::Error,
    about: "A cast is one that engines do alike.",
    why: "DuckDB casts `'1.5'` to the integer 2 and ignores offsets; it rounds 2.5 to 2; its NUMERIC has three places.",
    instead: "Write `udf.safe_int64(x)` and its kin, or round first.",
    bad: "select cast(user_id as INT64) as x from vault.hub_user",
    good: "select udf.safe_int64(user_id) as x from vault.hub_user",
};

/// A part is one that engines extract alike.
pub static EXTRACT: Rule = Rule {
    code: "LB044",
    name: "extract",
    severity: Severity::Error,
    about: "A part is one that engines extract alike.",
    why: "A Sunday is day 0 of the week in DuckDB and day 1 in GoogleSQL; weeks are counted in other ways; DuckDB adds the seconds to milliseconds.",
    instead: "Write `udf.day_of_week(d)`, `udf.iso_week(d)` or `mod(unix_millis(t), 1000)`.",
    bad: "select extract(dayofweek from first_load_date) as x from vault.hub_user",
    good: "select udf.day_of_week(first_load_date) as x from vault.hub_user",
};

/// An interval is a whole number and one unit.
pub static INTERVAL: Rule = Rule {
    code: "LB045",
    name: "interval",
    severity: Severity::Error,
    about: "An interval is a whole number and one unit.",
    why: "DuckDB cannot read a sign there, nor GoogleSQL a text of several units.",
    instead: "Write `interval 7 day`, or `interval (n) day` for an expression.",
    bad: "select date_add(first_load_date, interval -1 day) as x from vault.hub_user",
    good: "select date_sub(first_load_date, interval 1 day) as x from vault.hub_user",
};

/// Dates are not subtracted, and take no interval by `+`.
pub static DATE_ARITHMETIC: Rule = Rule {
    code: "LB046",
    name: "date-arithmetic",
    severity: Severity::Error,
    about: "Dates are not subtracted, and take no interval by `+`.",
    why: "A difference of dates is a number in DuckDB and an INTERVAL in GoogleSQL; a date and an interval make other types.",
    instead: "Write `udf.days_between(a, b)`, `date_add(d, interval n day)`, or `d + n` for days.",
    bad: "select first_load_date - first_load_date as x from vault.hub_user",
    good: "select udf.days_between(first_load_date, first_load_date) as x from vault.hub_user",
};

/// NULL is tested by IS.
pub static NULL_COMPARISON: Rule = Rule {
    code: "LB047",
    name: "null-comparison",
    severity: Severity::Error,
    about: "NULL is tested by IS.",
    why: "`x = null` is never true, and an error in GoogleSQL.",
    instead: "Write `x is null` or `x is not null`.",
    bad: "select user_hk from vault.hub_user where user_id = null",
    good: "select user_hk from vault.hub_user where user_id is null",
};

/// FLOAT64 is not compared for equality.
pub static FLOAT_EQUALITY: Rule = Rule {
    code: "LB048",
    name: "float-equality",
    severity: Severity::Warning,
    about: "FLOAT64 is not compared for equality.",
    why: "NaN equals NaN in DuckDB and not in GoogleSQL, and a last bit decides.",
    instead: "Compare integers, or ask whether the difference is small.",
    bad: "select user_hk from vault.hub_user where sqrt(4e0) = 2e0",
    good: "select user_hk from vault.hub_user where abs(sqrt(4e0) - 2e0) < 1e-9",
};

/// The pattern of LIKE is a literal without ESCAPE.
pub static LIKE_PATTERN: Rule = Rule {
    code: "LB049",
    name: "like-pattern",
    severity: Severity::Error,
    about: "The pattern of LIKE is a literal without ESCAPE.",
    why: "A backslash in the pattern escapes in GoogleSQL and not in DuckDB, and a value may hold one.",
    instead: "Write `starts_with(x, y)`, or `strpos(x, y) > 0`.",
    bad: "select user_hk from vault.hub_user where user_hk like user_id",
    good: "select user_hk from vault.hub_user where starts_with(user_hk, user_id)",
};

/// IN takes a list or a subquery, not UNNEST.
pub static IN_UNNEST: Rule = Rule {
    code: "LB050",
    name: "in-unnest",
    severity: Severity::Error,
    about: "IN takes a list or a subquery, not UNNEST.",
    why: "In DuckDB `x in unnest(a)` makes a row of each element.",
    instead: "Write `udf.array_contains(a, x)`.",
    bad: "select user_hk from vault.hub_user where user_id in unnest(['a'])",
    good: "select user_hk from vault.hub_user where udf.array_contains(['a'], user_id)",
};

/// No UNNEST in FROM.
pub static UNNEST: Rule = Rule {
    code: "LB051",
    name: "unnest",
    severity: Severity::Error,
    about: "No UNNEST in FROM.",
    why: "The element is `y` of `unnest(x) as y` in GoogleSQL, and a column `unnest` of `y` in DuckDB 1.5.",
    instead: "Make one row for each element in the layer below; `generate_date_array` is `dimensional.dim_date`.",
    bad: "select y from unnest(['a']) as y",
    good: "select user_id as y from vault.hub_user",
};

/// An element is taken by `[safe_offset(n)]`.
pub static ARRAY_POSITION: Rule = Rule {
    code: "LB052",
    name: "array-position",
    severity: Severity::Error,
    about: "An element is taken by `[safe_offset(n)]`.",
    why: "`a[0]` and `a[1]` are other elements in each engine, and a missing one is an error in one of them.",
    instead: "Write `a[safe_offset(0)]` for the first.",
    bad: "select split(user_id, ',')[0] as x from vault.hub_user",
    good: "select split(user_id, ',')[safe_offset(0)] as x from vault.hub_user",
};

/// Every expression is one of the subset.
pub static EXPRESSION: Rule = Rule {
    code: "LB053",
    name: "expression",
    severity: Severity::Error,
    about: "Every expression is one of the subset.",
    why: "One engine cannot read it, or means something else.",
    instead: "docs/portable-sql.md lists what is in.",
    bad: "select user_hk from vault.hub_user where user_id ilike 'a%'",
    good: "select user_hk from vault.hub_user where starts_with(lower(user_id), 'a')",
};

/// Arguments are of the types that the function takes.
pub static ARGUMENTS: Rule = Rule {
    code: "LB054",
    name: "arguments",
    severity: Severity::Error,
    about: "Arguments are of the types that the function takes.",
    why: "DuckDB casts them silently; GoogleSQL refuses.",
    instead: "Cast the argument, or use the function for its type.",
    bad: "select upper(first_load_date) as x from vault.hub_user",
    good: "select upper(user_id) as x from vault.hub_user",
};

/// An argument is in the form in which the function is portable.
pub static FORM: Rule = Rule {
    code: "LB055",
    name: "argument-form",
    severity: Severity::Error,
    about: "An argument is in the form in which the function is portable.",
    why: "In other forms engines give other values.",
    instead: "docs/portable-sql.md says the form.",
    bad: "select format_date('%e', first_load_date) as x from vault.hub_user",
    good: "select format_date('%d', first_load_date) as x from vault.hub_user",
};

/// A frame is of ROWS, or of RANGE by a number.
pub static FRAME: Rule = Rule {
    code: "LB056",
    name: "frame",
    severity: Severity::Error,
    about: "A frame is of ROWS, or of RANGE by a number.",
    why: "GoogleSQL takes no interval in a frame, and has no GROUPS.",
    instead: "Order by `unix_date(d)` and write the days as a number.",
    bad: "select sum(1) over (order by first_load_date range between interval 6 day preceding and current row) as n from vault.hub_user",
    good: "select sum(1) over (order by unix_date(first_load_date) range between 6 preceding and current row) as n from vault.hub_user",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[
    &TYPES,
    &OPERATOR,
    &DIVISION,
    &CAST,
    &EXTRACT,
    &INTERVAL,
    &DATE_ARITHMETIC,
    &NULL_COMPARISON,
    &FLOAT_EQUALITY,
    &LIKE_PATTERN,
    &IN_UNNEST,
    &UNNEST,
    &ARRAY_POSITION,
    &EXPRESSION,
    &ARGUMENTS,
    &FORM,
    &FRAME,
];
