//! From which columns of which tables a value comes.
//!
//! Each place where a query reads a table gives its columns their own marks. They go along with the
//! values through subqueries and expressions, so that a column of the result has those of everything
//! that it was made of.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

/// How a value hangs on a column. Of two ways the greater is that of both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By it is decided which value it is: a condition of CASE, the order of a window.
    Decided,
    /// It is that column's value.
    Copied,
    /// It is computed from it.
    Computed,
    /// It is computed from it over several rows.
    Aggregated,
}

/// A column of a table at one place that reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Where the table's name begins in the file.
    pub read: usize,
    /// The column's position in the table; `None`: its rows, whatever is in them.
    pub column: Option<usize>,
    /// The field of a payload that it holds; `None`: all of them.
    pub field: Option<Arc<str>>,
}

/// What a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage(BTreeMap<Mark, How>);

impl Lineage {
    /// Of a column, read at a place.
    pub fn of_column(read: usize, column: usize) -> Self {
        Self([(Mark { read, column: Some(column), field: None }, How::Copied)].into())
    }

    /// Of how many rows there are.
    pub fn of_rows(reads: impl IntoIterator<Item = usize>) -> Self {
        let mark = |read| (Mark { read, column: None, field: None }, How::Aggregated);
        Self(reads.into_iter().map(mark).collect())
    }

    /// The marks in order, each with how the value hangs on it.
    pub fn marks(&self) -> impl Iterator<Item = (&Mark, How)> {
        self.0.iter().map(|(mark, how)| (mark, *how))
    }

    /// Whether it is of constants alone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what the same value comes from besides.
    pub fn add(&mut self, other: &Self) {
        for (mark, how) in other.marks() {
            let known = self.0.entry(mark.clone()).or_insert(how);
            *known = how.max(*known);
        }
    }

    /// Adds what it is computed from.
    pub fn compute(&mut self, part: &Self) {
        self.add(&part.computed());
    }

    /// The same of a value that is no copy.
    #[must_use]
    pub fn computed(&self) -> Self {
        self.by(|how| if how == How::Copied { How::Computed } else { how })
    }

    /// Adds what decides it.
    pub fn decide(&mut self, part: &Self) {
        self.add(&part.by(|_| How::Decided));
    }

    /// The same over several rows.
    #[must_use]
    pub fn aggregated(&self) -> Self {
        self.by(|how| if how == How::Decided { how } else { How::Aggregated })
    }

    fn by(&self, how: impl Fn(How) -> How) -> Self {
        Self(self.marks().map(|(mark, known)| (mark.clone(), how(known))).collect())
    }

    /// Of a field of a value that a payload was read into.
    #[must_use]
    pub fn of_field(&self, name: &str) -> Self {
        let field: Arc<str> = name.into();
        let narrowed = |(mark, how): (&Mark, How)| {
            let field = mark.field.clone().unwrap_or_else(|| Arc::clone(&field));
            (Mark { field: Some(field), ..mark.clone() }, how)
        };
        Self(self.marks().map(narrowed).collect()).computed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hows(lineage: &Lineage) -> Vec<How> {
        lineage.marks().map(|(_, how)| how).collect()
    }

    #[test]
    fn what_is_computed_from_a_copy_is_no_copy() {
        let copy = Lineage::of_column(7, 0);
        assert_eq!(hows(&copy), [How::Copied]);
        let mut sum = Lineage::default();
        sum.compute(&copy);
        assert_eq!(hows(&sum), [How::Computed]);
        assert_eq!(hows(&sum.aggregated()), [How::Aggregated]);
    }

    #[test]
    fn what_decides_a_value_does_not_weaken_what_it_is_made_of() {
        let mut value = Lineage::of_column(7, 0);
        value.decide(&Lineage::of_column(7, 0));
        value.decide(&Lineage::of_column(7, 1));
        assert_eq!(hows(&value), [How::Copied, How::Decided]);
        assert_eq!(hows(&value.aggregated()), [How::Aggregated, How::Decided]);
    }
}
