//! Facts of orders and payments, and the revenue that they make.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;
use sim::Source;

use super::super::project::project_files;
use super::{
    Tables, UNKNOWN,
    activity::Marts,
    cells::{amount, cells, said},
    dimensions::AllHistories,
    key_or_unknown,
    movements::{LineStretch, PaymentStretch, Place, all_lines, payment_stretches},
};

/// `order_count`, gross, cancelled, returned, captured, refunded.
type Measures = [i64; 6];

/// Adds facts and, up to the last date, the mart.
pub fn add(tables: &mut Tables, histories: &AllHistories<'_>, marts: &Marts<'_>) {
    let of = |source: Source| &histories.by_source[&source];
    let mut revenue: BTreeMap<(Date, Place), Measures> = BTreeMap::new();
    let mut book = |date: Date, place: &Place, changes: Measures| {
        // A row is there if anything moved, even if nothing is left of it in the sum.
        if changes != [0; 6] && date <= marts.last_date {
            let sums = revenue.entry((date, place.clone())).or_default();
            for (sum, change) in sums.iter_mut().zip(changes) {
                *sum += change;
            }
        }
    };
    for (order_id, line_number, stretches) in
        all_lines(of(Source::DbOrders), of(Source::DbOrderItems))
    {
        for stretch in &stretches {
            tables.add(
                "dimensional.fact_order_line",
                [cells![order_id, line_number], line_cells(stretch)].concat(),
            );
            let [orders, gross, cancelled, returned] = stretch.changes;
            let changes = [orders, gross, cancelled, returned, 0, 0];
            book(stretch.from.date(), &stretch.place, changes);
        }
    }
    for (payment_id, history) in of(Source::DbPayments) {
        for stretch in payment_stretches(history) {
            tables.add(
                "dimensional.fact_payment",
                [cells![payment_id], payment_cells(&stretch)].concat(),
            );
            let [_, _, captured, refunded] = stretch.changes;
            book(stretch.from.date(), &stretch.place, [0, 0, 0, 0, captured, refunded]);
        }
    }
    let rates = Rates::of_the_seed();
    for ((date, place), sums) in revenue {
        let [orders, gross, cancelled, returned, captured, refunded] = sums;
        let net = gross - cancelled - returned;
        // A day before the calendar has no rate.
        let rate = rates.on(date, &place.currency_code).filter(|_| date >= marts.calendar_from);
        let in_euros = |micros: i64| {
            rate.map(|rate| (i128::from(micros) * i128::from(rate) / 1_000_000).to_string())
        };
        let head = cells![date, place.country_code, place.currency_code, orders];
        let money = cells![gross, cancelled, returned, net, captured, refunded];
        let tail = cells![in_euros(gross), in_euros(net), marts.is_final(date)];
        tables.add("mart.revenue_daily", [head, money, tail].concat());
    }
}

fn line_cells(stretch: &LineStretch<'_>) -> Vec<String> {
    let (item, order) = stretch.said;
    let (is_line_deleted, is_order_deleted) = (item == Some(None), order == Some(None));
    let (item, order) = (item.flatten(), order.flatten());
    let user = order.map_or("", |order| order.user_id.as_str());
    let product = item.map_or("", |item| item.product_id.as_str());
    let status = order.map_or(UNKNOWN, |order| order.status.as_str());
    let full_amount = match (stretch.said.0, item, order) {
        (None, _, Some(order)) => order.shipping_micros - order.discount_micros,
        (_, Some(item), _) => item.quantity * item.unit_price_micros,
        _ => 0,
    };
    let place = &stretch.place;
    [
        cells![stretch.from, stretch.to, is_line_deleted, is_order_deleted],
        vec![key_or_unknown(user), key_or_unknown(product)],
        cells![status, order.map(|order| order.placed_at)],
        cells![place.country_code, place.currency_code],
        cells![item.and_then(|item| amount(item.quantity)), full_amount],
        stretch.measures.map(|measure| measure.to_string()).to_vec(),
        stretch.changes.map(|change| change.to_string()).to_vec(),
    ]
    .concat()
}

fn payment_cells(stretch: &PaymentStretch<'_>) -> Vec<String> {
    let payment = stretch.said;
    let (order, user) =
        payment.map_or(("", ""), |payment| (payment.order_id.as_str(), payment.user_id.as_str()));
    let text = |text: Option<&str>| text.and_then(said).unwrap_or(UNKNOWN).to_owned();
    let place = &stretch.place;
    [
        cells![stretch.from, stretch.to, payment.is_none()],
        vec![key_or_unknown(order), key_or_unknown(user)],
        vec![
            text(payment.map(|row| row.status.as_str())),
            text(payment.map(|row| row.method.as_str())),
        ],
        cells![payment.map(|payment| payment.attempted_at)],
        cells![place.country_code, place.currency_code],
        cells![payment.map_or(0, |payment| payment.amount_micros)],
        stretch.measures.map(|measure| measure.to_string()).to_vec(),
        stretch.changes.map(|change| change.to_string()).to_vec(),
    ]
    .concat()
}

/// Exchange rates, by currency and the day from which on they hold.
struct Rates(BTreeMap<(String, Date), i64>);

impl Rates {
    fn of_the_seed() -> Self {
        let path = Path::new("layers/seed/exchange_rates.csv");
        let text = project_files().get(path).expect("the project has exchange rates");
        let rate = |line: &str| {
            let mut cells = line.split(',');
            let date: Date = cells.next()?.parse().ok()?;
            let currency_code = cells.next()?.to_owned();
            Some(((currency_code, date), cells.next()?.parse().ok()?))
        };
        Self(text.lines().skip(1).filter_map(rate).collect())
    }

    fn on(&self, date: Date, currency_code: &str) -> Option<i64> {
        let from = (currency_code.to_owned(), Date::MIN);
        let to = (currency_code.to_owned(), date);
        self.0.range(from..=to).next_back().map(|(_, rate)| *rate)
    }
}
