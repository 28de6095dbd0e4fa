//! What things cost where: the shop that all sessions of a day see.

use crate::catalogue::Assortment;
use crate::countries::Country;
use crate::random::Random;
use crate::scenario::Commerce;
use crate::time::MicrosUtc;

const MICROS_PER_CENT: i64 = 10_000;

/// What shipping costs, and from which sum on it costs nothing, in the reporting currency.
const SHIPPING_MICROS: i64 = 4_990_000;
const FREE_SHIPPING_FROM_MICROS: i64 = 60_000_000;

/// The share of orders with a discount, in millionths, and how much that takes off, in percent.
const DISCOUNT_PARTS: u64 = 200_000;
const DISCOUNT_PERCENT: i64 = 10;

/// The products, and how orders go.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) assortment: Assortment,
    pub(crate) commerce: Commerce,
}

/// A line of a cart or an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The product's number.
    pub(crate) product: u64,
    pub(crate) quantity: i64,
    pub(crate) unit_price_micros: i64,
}

/// What an order is made of. Amounts are in the currency of the country.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) lines: Vec<Line>,
    pub(crate) shipping_micros: i64,
    pub(crate) discount_micros: i64,
}

impl Bill {
    /// What is to be paid.
    pub(crate) fn amount_micros(&self) -> i64 {
        sum_micros(&self.lines) + self.shipping_micros - self.discount_micros
    }
}

fn sum_micros(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.quantity * line.unit_price_micros).sum()
}

/// What something costs in a country, in whole hundredths of its currency.
pub(crate) const fn local_price_micros(list_price_micros: i64, country: &Country) -> i64 {
    list_price_micros * country.price_percent / 100 / MICROS_PER_CENT * MICROS_PER_CENT
}

impl Shop {
    /// The bill for what is in the cart (products and how many of each), by the prices of the
    /// instant.
    pub(crate) fn bill(
        &self,
        cart: &[(u64, i64)],
        at: MicrosUtc,
        country: &Country,
        random: Random,
    ) -> Bill {
        let lines: Vec<Line> = cart
            .iter()
            .map(|&(product, quantity)| {
                let list_price_micros = self.assortment.list_price_micros(product, at);
                let unit_price_micros = local_price_micros(list_price_micros, country);
                Line { product, quantity, unit_price_micros }
            })
            .collect();
        let sum_micros = sum_micros(&lines);
        let is_free = sum_micros >= local_price_micros(FREE_SHIPPING_FROM_MICROS, country);
        let has_discount = random.stream("discount").chance(DISCOUNT_PARTS);
        let discount = sum_micros * DISCOUNT_PERCENT / 100 / MICROS_PER_CENT * MICROS_PER_CENT;
        Bill {
            lines,
            shipping_micros: if is_free { 0 } else { local_price_micros(SHIPPING_MICROS, country) },
            discount_micros: if has_discount { discount } else { 0 },
        }
    }
}
