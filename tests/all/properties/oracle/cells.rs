//! How the oracle writes a row: its cells joined by `|`, in the way in which the warehouse's rows
//! are read.

use std::borrow::Cow;

use jiff::civil::Date;
use sim::MicrosUtc;

/// A value that stands in a row.
pub trait Cell {
    /// As the warehouse gives it: instants as microseconds, NULL as `-`.
    fn text(&self) -> String;
}

macro_rules! displayed {
    ($($kind:ty),*) => {
        $(impl Cell for $kind {
            fn text(&self) -> String {
                self.to_string()
            }
        })*
    };
}

displayed!(str, String, bool, i64, u64, usize, Date);

impl Cell for MicrosUtc {
    fn text(&self) -> String {
        self.0.to_string()
    }
}

impl Cell for Cow<'_, str> {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl<T: Cell + ?Sized> Cell for &T {
    fn text(&self) -> String {
        (**self).text()
    }
}

impl<T: Cell> Cell for Option<T> {
    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "-".to_owned(), Cell::text)
    }
}

/// The cells of several values.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => {
        vec![$($crate::properties::oracle::cells::Cell::text(&$cell)),*]
    };
}
pub(crate) use cells;

/// A code or a name, of which an empty one is not said.
pub fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// An amount, of which zero is not said.
pub fn amount(micros: i64) -> Option<i64> {
    Some(micros).filter(|micros| *micros != 0)
}
