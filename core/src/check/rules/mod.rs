//! The rules of the checker. A code, once given, keeps its meaning.

pub mod contract;
pub mod determinism;
pub mod expressions;
pub mod files;
pub mod literals;
pub mod names;
pub mod reads;
pub mod shape;

use super::finding::Rule;

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
