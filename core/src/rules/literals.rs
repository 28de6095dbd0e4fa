//! Literals and other tokens that engines read in other ways.

use crate::rules::{Rule, Severity};

/// No text has a backslash in it.
pub static BACKSLASH: Rule = Rule {
    code: "LB020",
    name: "backslash-in-text",
    severity: Severity::Error,
    about: "No text has a backslash in it.",
    why: r"GoogleSQL reads `\n` in a text as a line's end; DuckDB as two characters.",
    instead: r"In a pattern write a class: `[0-9]` for `\d`, `[.]` for `\.`. Elsewhere `chr(10)` and the like.",
    bad: r"select regexp_contains(user_id, '\d+') from vault.hub_user",
    good: "select regexp_contains(user_id, '[0-9]+') from vault.hub_user",
};

/// No text has a doubled quote in it.
pub static QUOTE_IN_TEXT: Rule = Rule {
    code: "LB021",
    name: "quote-in-text",
    severity: Severity::Error,
    about: "No text has a doubled quote in it.",
    why: r"`'it''s'` is an error in GoogleSQL, and `'it\'s'` in DuckDB.",
    instead: "Write `chr(39)` between two parts: `'it' || chr(39) || 's'`.",
    bad: "select 'it''s' as x from vault.hub_user",
    good: "select 'it' || chr(39) || 's' as x from vault.hub_user",
};

/// Text stands in single quotes.
pub static DOUBLE_QUOTES: Rule = Rule {
    code: "LB022",
    name: "double-quotes",
    severity: Severity::Error,
    about: "Text stands in single quotes.",
    why: r#"`"x"` is a text in GoogleSQL and the name of a column in DuckDB."#,
    instead: "Write `'x'`.",
    bad: r#"select "x" as x from vault.hub_user"#,
    good: "select 'x' as x from vault.hub_user",
};

/// A number with a point has an exponent.
pub static DECIMAL_LITERAL: Rule = Rule {
    code: "LB023",
    name: "decimal-literal",
    severity: Severity::Error,
    about: "A number with a point has an exponent.",
    why: "`0.1` is FLOAT64 in GoogleSQL and a decimal in DuckDB: sums and types differ.",
    instead: "Write `1e-1`, or `1.5e0` for 1.5.",
    bad: "select 1.5 as x from vault.hub_user",
    good: "select 1.5e0 as x from vault.hub_user",
};

/// A number is written in decimal digits.
pub static NUMBER_FORM: Rule = Rule {
    code: "LB024",
    name: "number-form",
    severity: Severity::Error,
    about: "A number is written in decimal digits.",
    why: "`0xFF` is 255 in GoogleSQL and 0 with the alias xFF in DuckDB; `1_000` is 1000 in DuckDB alone.",
    instead: "Write the decimal digits without `_`.",
    bad: "select 0xFF as x from vault.hub_user",
    good: "select 255 as x from vault.hub_user",
};

/// No literal has a prefix or triple quotes.
pub static LITERAL_FORM: Rule = Rule {
    code: "LB025",
    name: "literal-form",
    severity: Severity::Error,
    about: "No literal has a prefix or triple quotes.",
    why: "`r'…'`, `b'…'` and `'''…'''` are GoogleSQL's alone.",
    instead: "Write a plain text; `from_hex('00ff')` for bytes.",
    bad: "select r'x' as x from vault.hub_user",
    good: "select 'x' as x from vault.hub_user",
};

/// Comments are `--` or `/* */`, not nested.
pub static COMMENT: Rule = Rule {
    code: "LB026",
    name: "comment",
    severity: Severity::Error,
    about: "Comments are `--` or `/* */`, not nested.",
    why: "`#` begins a comment in GoogleSQL alone, and `/* /* */` ends there and not in DuckDB.",
    instead: "Write `--`.",
    bad: "select user_id # the key\nfrom vault.hub_user",
    good: "select user_id -- the key\nfrom vault.hub_user",
};

/// No name stands in backticks.
pub static BACKTICK: Rule = Rule {
    code: "LB027",
    name: "backtick",
    severity: Severity::Error,
    about: "No name stands in backticks.",
    why: "DuckDB cannot read them.",
    instead: "Write the bare name; it needs no quotes if it is lower case and no reserved word.",
    bad: "select `user_id` from vault.hub_user",
    good: "select user_id from vault.hub_user",
};

/// A timestamp literal is UTC.
pub static TIMESTAMP_OFFSET: Rule = Rule {
    code: "LB028",
    name: "timestamp-offset",
    severity: Severity::Error,
    about: "A timestamp literal is UTC.",
    why: "DuckDB ignores the offset of `timestamp '2026-01-05 10:00:00+02'`: two hours are lost silently.",
    instead: "Write the instant in UTC, with `+00`.",
    bad: "select timestamp '2026-01-05 10:00:00+02' as x from vault.hub_user",
    good: "select timestamp '2026-01-05 08:00:00+00' as x from vault.hub_user",
};

/// `*` stands alone.
pub static STAR_EXCEPT: Rule = Rule {
    code: "LB029",
    name: "star-except",
    severity: Severity::Error,
    about: "`*` stands alone.",
    why: "DuckDB 1.5 cannot read `* except (…)`.",
    instead: "List the columns.",
    bad: "select * except (user_id) from vault.hub_user",
    good: "select user_hk, first_seen_at from vault.hub_user",
};

/// The rules of this file.
pub static RULES: &[&Rule] = &[
    &BACKSLASH,
    &QUOTE_IN_TEXT,
    &DOUBLE_QUOTES,
    &DECIMAL_LITERAL,
    &NUMBER_FORM,
    &LITERAL_FORM,
    &COMMENT,
    &BACKTICK,
    &TIMESTAMP_OFFSET,
    &STAR_EXCEPT,
];
