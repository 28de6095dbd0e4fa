//! The rules that queries and contracts keep: their codes, why they are there, and what to write instead.
//! A code, once given, keeps its meaning.
//!
//! Not for: finding out whether a query keeps one (`query` and `check`).

pub mod contract;
pub mod determinism;
pub mod expressions;
pub mod files;
pub mod literals;
pub mod names;
pub mod reads;
pub mod shape;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An engine refuses it, or engines differ, or a build is wrong.
    Error,
    /// It may be right, and cannot be seen to be.
    Warning,
}

/// A rule of the checker. Its code never changes its meaning.
#[derive(Debug)]
pub struct Rule {
    /// Such as `LB012`.
    pub code: &'static str,
    /// A short name, such as `double-quoted-text`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The rule in a sentence.
    pub about: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to write instead.
    pub instead: &'static str,
    /// A query that breaks it; empty where no single query does.
    pub bad: &'static str,
    /// The same, done well.
    pub good: &'static str,
}

/// All rules in order of code.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        files::RULES,
        names::RULES,
        literals::RULES,
        shape::RULES,
        expressions::RULES,
        contract::RULES,
        reads::RULES,
        determinism::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The rule of a code or a name.
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_names_are_unique() {
        let codes: Vec<&str> = all().map(|rule| rule.code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        let names: std::collections::BTreeSet<&str> = all().map(|rule| rule.name).collect();
        assert_eq!(names.len(), codes.len());
    }
}
