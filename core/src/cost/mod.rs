//! What the days of a forecast cost, by product, layer and table.
//!
//! Prices are a file with a date and a source for each figure; what they are multiplied with comes from
//! `growth`. Not for: discounts, taxes and people. No I/O.

mod bill;
mod prices;

pub use bill::{Bill, Line, Options, RawClass, bill};
pub use prices::{Price, PriceError, Prices};

/// The prices that the program knows.
pub static PRICES: &str = include_str!("prices.toml");
