//! Windows: adjacent partitions that are built in one statement.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil::Date};

use super::snapshot::Partition;

/// What one build replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// The table is one partition.
    Whole,
    /// All dates from the first to the last, both included.
    Dates {
        /// First date.
        from: Date,
        /// Last date.
        to: Date,
    },
}

impl Window {
    /// The window of one partition.
    pub fn of(partition: Partition) -> Self {
        partition.map_or(Self::Whole, |date| Self::Dates { from: date, to: date })
    }

    /// The partitions that it covers.
    pub fn partitions(self) -> Vec<Partition> {
        match self {
            Self::Whole => vec![None],
            Self::Dates { from, to } => {
                let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok());
                dates.take_while(|date| *date <= to).map(Some).collect()
            }
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Dates { from, to } if from == to => write!(f, "{from}"),
            Self::Dates { from, to } => write!(f, "{from} … {to}"),
        }
    }
}

/// Groups partitions into windows of adjacent dates, none longer than `days_max`.
pub fn windows(partitions: &BTreeSet<Partition>, days_max: usize) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    let mut days = 0;
    for partition in partitions {
        let Some(date) = *partition else {
            windows.push(Window::Whole);
            continue;
        };
        match windows.last_mut() {
            Some(Window::Dates { to, .. }) if *to + 1.day() == date && days < days_max => {
                *to = date;
                days += 1;
            }
            _ => {
                windows.push(Window::of(Some(date)));
                days = 1;
            }
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn adjacent_dates_share_a_window_up_to_the_limit() {
        let days = [1, 2, 3, 5, 6].map(|day| Some(date(2026, 1, day)));
        let found = windows(&days.into(), 2);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["2026-01-01 … 2026-01-02", "2026-01-03", "2026-01-05 … 2026-01-06"]);
        let covered: Vec<Partition> = found.iter().flat_map(|w| w.partitions()).collect();
        assert_eq!(covered, days);
    }
}
