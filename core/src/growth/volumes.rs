//! How many messages a load date brings, from each source.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Serialize;

use crate::contract::TableName;

/// Messages a day at some dates; between them they grow by the same share each day.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Volumes {
    /// By date, in order: users, and messages a day by source.
    anchors: BTreeMap<Date, Anchor>,
    /// Sources that tell of what does not grow with users.
    fixed: BTreeSet<TableName>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Anchor {
    users: f64,
    messages: BTreeMap<TableName, f64>,
}

impl Volumes {
    /// Notes what a date brings.
    pub fn set(&mut self, date: Date, users: f64, messages: BTreeMap<TableName, f64>) {
        self.anchors.insert(date, Anchor { users, messages });
    }

    /// Notes that a source tells of what does not grow with users, such as products.
    pub fn set_fixed(&mut self, source: TableName) {
        self.fixed.insert(source);
    }

    /// Whether a source tells of what does not grow with users.
    pub fn is_fixed(&self, source: &TableName) -> bool {
        self.fixed.contains(source)
    }

    /// The same number of messages each day as on the first date.
    #[must_use]
    pub fn flat(&self) -> Self {
        let first = self.anchors.iter().take(1).map(|(date, anchor)| (*date, anchor.clone()));
        Self { anchors: first.collect(), fixed: self.fixed.clone() }
    }

    /// So many times as many messages each day, of what grows with users.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let mut more = self.clone();
        for anchor in more.anchors.values_mut() {
            anchor.users *= factor;
            let growing = anchor.messages.iter_mut().filter(|(source, _)| !self.is_fixed(source));
            growing.for_each(|(_, count)| *count *= factor);
        }
        more
    }

    /// Messages of a source on a date.
    pub fn messages(&self, source: &TableName, date: Date) -> f64 {
        self.at(date, |anchor| anchor.messages.get(source).copied().unwrap_or_default())
    }

    /// Users on a date.
    pub fn users(&self, date: Date) -> f64 {
        self.at(date, |anchor| anchor.users)
    }

    /// Messages of all sources on a date.
    pub fn messages_of_all(&self, date: Date) -> f64 {
        self.at(date, |anchor| anchor.messages.values().sum())
    }

    fn at(&self, date: Date, of: impl Fn(&Anchor) -> f64) -> f64 {
        let before = self.anchors.range(..=date).next_back();
        let after = self.anchors.range(date..).next();
        match (before, after) {
            (Some((from, a)), Some((to, b))) if from != to => {
                let (a, b) = (of(a), of(b));
                let share = days(*from, date) / days(*from, *to);
                if a > 0.0 && b > 0.0 { a * (b / a).powf(share) } else { a + (b - a) * share }
            }
            (Some((_, anchor)), _) | (None, Some((_, anchor))) => of(anchor),
            (None, None) => 0.0,
        }
    }
}

fn days(from: Date, to: Date) -> f64 {
    f64::from(to.since(from).map_or(0, |span| span.get_days()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn between_two_dates_each_day_grows_by_the_same_share() {
        let source = TableName::new("raw", "a");
        let mut volumes = Volumes::default();
        for (year, count) in [(2026, 100.0), (2027, 400.0)] {
            let messages = BTreeMap::from([(source.clone(), count)]);
            volumes.set(date(year, 1, 1), count, messages);
        }
        let on = |month, day| format!("{:.0}", volumes.messages(&source, date(2026, month, day)));
        assert_eq!([on(1, 1), on(7, 2), on(12, 31)], ["100", "200", "398"]);
        assert_eq!(volumes.messages(&source, date(2030, 1, 1)).round().to_string(), "400");
        assert_eq!(volumes.flat().messages(&source, date(2030, 1, 1)).to_string(), "100");
        assert_eq!(volumes.times(2.0).users(date(2026, 1, 1)).to_string(), "200");
    }
}
