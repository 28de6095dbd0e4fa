//! Prices, as a TOML file has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars.
    pub usd: f64,
    /// For what, such as `TiB`.
    pub per: String,
    /// How much of it a month has for nothing.
    #[serde(default)]
    pub free: f64,
    /// Where it was read.
    pub source: String,
    /// How sure it is.
    pub confidence: String,
}

/// All prices, with their date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// When they were read.
    pub read: String,
    /// Where they hold.
    pub region: String,
    /// By name.
    #[serde(flatten)]
    prices: BTreeMap<String, Price>,
}

/// A file of prices that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is not TOML of this form.
    #[error("the prices cannot be read: {0}")]
    Form(String),
    /// A price is not in it.
    #[error("the prices lack `[{0}]`, with `usd`, `per`, `source` and `confidence`")]
    Missing(&'static str),
    /// A price is no number that a thing can cost.
    #[error("the price of `{0}` is not a number from 0 on")]
    Number(String),
}

/// What a bill is made with.
pub const USED: [&str; 19] = [
    "query",
    "storage_active",
    "storage_long_term",
    "storage_read",
    "pubsub_publish",
    "pubsub_pull",
    "gcs_standard",
    "gcs_nearline",
    "gcs_coldline",
    "gcs_archive",
    "gcs_retrieval_nearline",
    "gcs_retrieval_coldline",
    "gcs_retrieval_archive",
    "gcs_class_a",
    "dcu_hour",
    "workflows_step",
    "scheduler_job",
    "load",
    "egress",
];

impl Prices {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let prices: Self = toml::from_str(text).map_err(|e| PriceError::Form(e.to_string()))?;
        if let Some(missing) = USED.into_iter().find(|name| !prices.prices.contains_key(*name)) {
            return Err(PriceError::Missing(missing));
        }
        let is_wrong = |price: &Price| !(price.usd >= 0.0 && price.free >= 0.0);
        match prices.prices.iter().find(|(_, price)| is_wrong(price)) {
            Some((name, _)) => Err(PriceError::Number(name.clone())),
            None => Ok(prices),
        }
    }

    /// Each, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.prices.iter().map(|(name, price)| (name.as_str(), price))
    }

    /// US dollars of so many units; nothing of what is not listed.
    pub(super) fn usd(&self, name: &str, units: f64) -> f64 {
        self.prices.get(name).map_or(0.0, |price| price.usd * units)
    }

    /// What is free of it, in US dollars a month.
    pub(super) fn free_usd(&self, name: &str) -> f64 {
        self.prices.get(name).map_or(0.0, |price| price.usd * price.free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::PRICES;

    #[test]
    fn each_price_has_a_source_and_a_wrong_file_says_what_is_wrong() {
        let prices = Prices::parse(PRICES).expect("the program's own");
        assert!(prices.iter().all(|(_, price)| !price.source.is_empty()));
        assert_eq!(prices.usd("query", 2.0).to_string(), "12.5");
        let without = PRICES.replace("[query]", "[queries]");
        assert_eq!(Prices::parse(&without), Err(PriceError::Missing("query")));
        let negative = PRICES.replace("usd = 6.25", "usd = -1.0");
        assert_eq!(Prices::parse(&negative), Err(PriceError::Number("query".to_owned())));
        assert!(matches!(Prices::parse("read = 1"), Err(PriceError::Form(_))));
    }
}
