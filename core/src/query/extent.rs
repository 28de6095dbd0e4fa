//! Between which constants the values of a column lie, and so whether two columns have a value in
//! common.

use sqlparser::ast::{Expr, Value as Literal};

/// The bounds of a column: texts of constants, which are the same text within one query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// No value is less.
    pub at_least: Option<String>,
    /// Every value is less.
    pub below: Option<String>,
}

impl Extent {
    /// Of a column that is one integer.
    pub fn of_integer(digits: &str) -> Self {
        let next = digits.parse::<i64>().ok().and_then(|n| n.checked_add(1));
        let below = next.map(|next| next.to_string());
        Self { at_least: below.is_some().then(|| digits.to_owned()), below }
    }

    /// What is true of the values of both.
    #[must_use]
    pub fn around(&self, other: &Self) -> Self {
        let same = |one: &Option<String>, other: &Option<String>| {
            one.as_ref().filter(|bound| Some(*bound) == other.as_ref()).cloned()
        };
        Self {
            at_least: same(&self.at_least, &other.at_least),
            below: same(&self.below, &other.below),
        }
    }

    /// Whether no value lies in both.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        let ends_before = |below: &Option<String>, at_least: &Option<String>| {
            let (Some(below), Some(at_least)) = (below, at_least) else { return false };
            let integers = below.parse::<i64>().ok().zip(at_least.parse::<i64>().ok());
            below == at_least || integers.is_some_and(|(below, at_least)| below <= at_least)
        };
        ends_before(&self.below, &other.at_least) || ends_before(&other.below, &self.at_least)
    }
}

/// The text of a constant: a parameter, a number, or a date or instant that is written out.
pub fn constant(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => constant(inner),
        Expr::Identifier(name) if name.value.starts_with('@') => Some(name.value.clone()),
        Expr::Value(value) => match &value.value {
            Literal::Number(text, _) | Literal::Placeholder(text) => Some(text.clone()),
            _ => None,
        },
        Expr::TypedString(_) => Some(expr.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(at_least: Option<&str>, below: Option<&str>) -> Extent {
        Extent { at_least: at_least.map(str::to_owned), below: below.map(str::to_owned) }
    }

    #[test]
    fn before_and_after_a_constant_have_nothing_in_common() {
        let (before, after) = (extent(None, Some("@cut")), extent(Some("@cut"), None));
        assert!(before.is_apart_from(&after) && after.is_apart_from(&before));
        assert!(!before.is_apart_from(&extent(Some("@from_date"), None)));
        assert!(!before.is_apart_from(&before) && !before.is_apart_from(&Extent::default()));
    }

    #[test]
    fn integers_are_compared_as_numbers() {
        let zero = Extent::of_integer("0");
        assert!(zero.is_apart_from(&extent(Some("1"), None)));
        assert!(zero.is_apart_from(&extent(Some("10"), None)));
        assert!(!zero.is_apart_from(&extent(Some("-1"), None)));
        assert!(!extent(None, Some("9")).is_apart_from(&extent(Some("10.5"), None)));
    }

    #[test]
    fn both_have_what_each_has() {
        let (one, other) = (extent(Some("1"), None), extent(Some("1"), Some("5")));
        assert_eq!(one.around(&other), one);
        assert_eq!(one.around(&Extent::default()), Extent::default());
    }
}
