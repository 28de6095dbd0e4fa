//! What the warehouse holds, as far as the planner must know: contents and stamps of partitions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::stamp::Stamp;
use crate::{contract::TableName, digest::Digest};

/// A partition: a date, or `None` for a table that is one partition.
pub type Partition = Option<Date>;

/// The contents of a partition as a multiset hash: the sum of the rows' hashes, and their count.
///
/// It is additive: what a statement removes is subtracted and what it adds is added, so that no
/// partition is read again to know it. A sum, not an exclusive-or, which loses pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Sum of the rows' 64-bit hashes.
    pub hash_sum: i128,
    /// Rows.
    pub row_count: i64,
}

impl Content {
    /// No rows.
    pub const EMPTY: Self = Self { hash_sum: 0, row_count: 0 };

    /// Where reading the contents back costs too much, what they were made of stands for them.
    pub fn standing_for(digest: Digest) -> Self {
        let number = u128::from_str_radix(&digest.to_string()[..16], 16).unwrap_or(0);
        Self { hash_sum: number.cast_signed(), row_count: 1 }
    }

    /// Whether there are no rows.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// With the rows of `other` added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            hash_sum: self.hash_sum.wrapping_add(other.hash_sum),
            row_count: self.row_count + other.row_count,
        }
    }

    /// With the rows of `other` taken away.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            hash_sum: self.hash_sum.wrapping_sub(other.hash_sum),
            row_count: self.row_count - other.row_count,
        }
    }
}

/// All stamps and contents.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By table and partition of its build windows.
    pub stamps: BTreeMap<TableName, BTreeMap<Partition, Stamp>>,
    /// By table and partition that readers see; sources too. Empty partitions may be absent.
    pub contents: BTreeMap<TableName, BTreeMap<Partition, Content>>,
    /// `delta`: by load date, the least and greatest business date of the rows that came from it.
    pub occupied: BTreeMap<TableName, BTreeMap<Date, (Date, Date)>>,
    /// How often raw objects were taken away with consent: what merged from them must begin anew.
    pub generation: i64,
    /// Tables whose columns in the warehouse are not the contract's: they are made anew.
    pub misshapen: BTreeSet<TableName>,
    /// How contents are hashed.
    pub hashes: HashVersions,
}

/// How contents were hashed and are hashed now; sums of hashes of two versions do not add up.
#[derive(Clone, Debug, Default)]
pub struct HashVersions {
    /// Of what the engine that is running computes.
    pub running: String,
    /// Of stamps that do not say otherwise.
    pub recorded: String,
}

impl HashVersions {
    /// The version to be remembered with a stamp, where it is not the recorded one.
    pub fn unlike_recorded(&self) -> Option<&str> {
        (self.running != self.recorded).then_some(self.running.as_str())
    }

    /// Whether what a stamp speaks of was hashed as the running engine does.
    pub fn are_of(&self, stamp: &Stamp) -> bool {
        stamp.code.hashes.as_ref().unwrap_or(&self.recorded) == &self.running
    }
}

impl Snapshot {
    /// The contents of one partition.
    pub fn content(&self, table: &TableName, partition: Partition) -> Content {
        let partitions = self.contents.get(table);
        partitions.and_then(|p| p.get(&partition)).copied().unwrap_or_default()
    }

    /// The contents of all partitions up to a date.
    pub fn content_up_to(&self, table: &TableName, date: Date) -> Content {
        self.fold(table, |partition| partition.is_none_or(|d| d <= date))
    }

    /// The contents of the whole table.
    pub fn content_whole(&self, table: &TableName) -> Content {
        self.fold(table, |_| true)
    }

    /// Sets the contents of one partition.
    pub fn set_content(&mut self, table: &TableName, partition: Partition, content: Content) {
        let partitions = self.contents.entry(table.clone()).or_default();
        if content.is_empty() {
            partitions.remove(&partition);
        } else {
            partitions.insert(partition, content);
        }
    }

    /// The dates of a table that have rows.
    pub fn occupied_dates(&self, table: &TableName) -> impl Iterator<Item = Date> {
        self.contents.get(table).into_iter().flat_map(|p| p.keys().flatten().copied())
    }

    /// The first and the last load date of any source.
    pub fn load_dates<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a TableName>,
    ) -> Option<(Date, Date)> {
        let dates: Vec<Date> =
            sources.into_iter().flat_map(|source| self.occupied_dates(source)).collect();
        Some((*dates.iter().min()?, *dates.iter().max()?))
    }

    /// Forgets a table: as before its first build.
    pub fn forget(&mut self, table: &TableName) {
        self.stamps.remove(table);
        self.contents.remove(table);
        self.occupied.remove(table);
        self.misshapen.remove(table);
    }

    fn fold(&self, table: &TableName, is_wanted: impl Fn(&Partition) -> bool) -> Content {
        let partitions = self.contents.get(table).into_iter().flatten();
        partitions
            .filter(|(partition, _)| is_wanted(partition))
            .fold(Content::EMPTY, |total, (_, content)| total.plus(*content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_add_up_and_pairs_are_not_lost() {
        let row = Content { hash_sum: 7, row_count: 1 };
        assert_ne!(row.plus(row), Content::EMPTY);
        assert_eq!(row.plus(row).minus(row), row);
        assert!(row.minus(row).is_empty());
    }
}
