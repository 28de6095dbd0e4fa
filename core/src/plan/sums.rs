//! The contents of a table by date, so that what any reader reads of it is known by two lookups.

use jiff::civil::Date;

use super::snapshot::{Content, Partition};
use crate::digest::Digest;

/// Sums of digests, each of a partition and its contents, over the partitions up to each date. Like
/// the contents they are sums, so that those of a range are the difference of two.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Of partitions that are not empty, in order.
    dates: Vec<Date>,
    /// Before the first date, and after each: of all partitions so far, the one without a date too.
    sums: Vec<u128>,
    /// Whether the partition without a date has rows.
    has_undated: bool,
}

/// What is read of a table: equal sums are equal rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The sum.
    pub sum: u128,
    /// Whether there are rows.
    pub has_rows: bool,
}

impl Sums {
    /// Of partitions in order, those without a date first.
    pub fn new(partitions: impl IntoIterator<Item = (Partition, Content)>) -> Self {
        let mut sums = Self { dates: Vec::new(), sums: vec![0], has_undated: false };
        for (partition, content) in partitions.into_iter().filter(|(_, c)| !c.is_empty()) {
            let sum = sums.sums[sums.dates.len()].wrapping_add(number(partition, content));
            match partition {
                None => (sums.sums[0], sums.has_undated) = (sum, true),
                Some(date) => {
                    sums.dates.push(date);
                    sums.sums.push(sum);
                }
            }
        }
        sums
    }

    /// The dates from the first to the last, both included.
    pub fn between(&self, from: Date, to: Date) -> Read {
        let start = self.dates.partition_point(|date| *date < from);
        let end = start + self.dates[start..].iter().take_while(|date| **date <= to).count();
        let sum = self.sums[end].wrapping_sub(self.sums[start]);
        Read { sum, has_rows: end > start }
    }

    /// Everything up to a date, also what has none.
    pub fn up_to(&self, date: Date) -> Read {
        let end = self.dates.partition_point(|known| *known <= date);
        Read { sum: self.sums[end], has_rows: end > 0 || self.has_undated }
    }

    /// The whole table.
    pub fn whole(&self) -> Read {
        let end = self.dates.len();
        Read { sum: self.sums[end], has_rows: end > 0 || self.has_undated }
    }
}

fn number(partition: Partition, content: Content) -> u128 {
    let date = partition.map_or([0; 4], |date| {
        let [high, low] = date.year().to_be_bytes();
        [high, low, date.month().to_be_bytes()[0], date.day().to_be_bytes()[0]]
    });
    let (hash_sum, row_count) = (content.hash_sum.to_be_bytes(), content.row_count.to_be_bytes());
    Digest::of([&date[..], &hash_sum[..], &row_count[..]]).number()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn content(row_count: i64) -> Content {
        Content { hash_sum: 7, row_count }
    }

    fn day(day: i8) -> Date {
        date(2026, 1, day)
    }

    #[test]
    fn a_range_is_what_a_table_of_its_dates_alone_is() {
        let dated = [1, 2, 4, 5].map(|d| (Some(day(d)), content(i64::from(d))));
        let all = Sums::new(std::iter::once((None, content(9))).chain(dated));
        for (from, to) in [(1, 1), (1, 2), (2, 4), (3, 3), (2, 5), (4, 4), (6, 9)] {
            let alone = Sums::new(
                dated.into_iter().filter(|(d, _)| (Some(day(from))..=Some(day(to))).contains(d)),
            );
            assert_eq!(all.between(day(from), day(to)), alone.whole(), "{from} to {to}");
        }
        assert_eq!(all.up_to(day(9)), all.whole());
        assert_eq!(all.up_to(date(2025, 1, 1)), Sums::new([(None, content(9))]).whole());
        assert!(!all.between(day(3), day(3)).has_rows);
    }

    #[test]
    fn the_date_of_rows_counts() {
        let of = |d| Sums::new([(Some(day(d)), content(1))]).whole();
        assert_ne!(of(1), of(2));
        assert_ne!(of(1), Sums::new([(None, content(1))]).whole());
    }
}
