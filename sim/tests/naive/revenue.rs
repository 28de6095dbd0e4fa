//! What moved: the state of each line at each instant, less the state at the instant before.

use jiff::civil::Date;
use sim::{MicrosUtc, OrderItemRow, OrderRow, PaymentRow, RevenueTruth, Row, RowChange, Source};
use std::collections::{BTreeMap, BTreeSet};

/// Orders, gross, cancelled, returned, captured, refunded.
type Amounts = [i64; 6];

/// What counts of a row's changes: of those of one instant the last.
struct History<'a>(Vec<&'a RowChange>);

impl<'a> History<'a> {
    fn of(changes: &[&'a RowChange], source: Source, key: &str) -> History<'a> {
        let of_key: Vec<&RowChange> = changes
            .iter()
            .copied()
            .filter(|change| change.source == source && change.key == key)
            .collect();
        let is_last = |change: &&&RowChange| {
            let later = |other: &&RowChange| {
                other.committed_at == change.committed_at && other.lsn > change.lsn
            };
            !of_key.iter().any(later)
        };
        History(of_key.iter().filter(is_last).copied().collect())
    }

    fn instants(&self) -> BTreeSet<MicrosUtc> {
        self.0.iter().map(|change| change.committed_at).collect()
    }

    fn at(&self, at: MicrosUtc) -> Option<&'a Row> {
        let until: Vec<_> = self.0.iter().filter(|change| change.committed_at <= at).collect();
        until.iter().max_by_key(|change| change.committed_at)?.row.as_ref()
    }

    /// The last row up to then, deletions apart.
    fn last_known_at(&self, at: MicrosUtc) -> Option<&'a Row> {
        let rows = self.0.iter().filter(|change| change.committed_at <= at && change.row.is_some());
        rows.max_by_key(|change| change.committed_at)?.row.as_ref()
    }
}

pub fn revenue_days(
    changes: &[&RowChange],
    last: Date,
) -> BTreeMap<Date, BTreeMap<String, RevenueTruth>> {
    let keys = |wanted: Source| -> BTreeSet<&str> {
        let of_source = changes.iter().filter(|change| change.source == wanted);
        of_source.map(|change| change.key.as_str()).collect()
    };
    let mut days: BTreeMap<Date, BTreeMap<String, Amounts>> = BTreeMap::new();
    let mut book = |instants: BTreeSet<MicrosUtc>,
                    state: &dyn Fn(MicrosUtc) -> (String, Amounts)| {
        let mut before = Amounts::default();
        for at in instants {
            let (market, amounts) = state(at);
            let movement: Vec<i64> =
                amounts.iter().zip(before).map(|(new, old)| new - old).collect();
            before = amounts;
            if at.date() <= last && movement.iter().any(|moved| *moved != 0) {
                let sums = days.entry(at.date()).or_default().entry(market).or_default();
                sums.iter_mut().zip(movement).for_each(|(sum, moved)| *sum += moved);
            }
        }
    };
    for key in keys(Source::DbOrders) {
        let header = History::of(changes, Source::DbOrders, key);
        book(header.instants(), &|at| {
            let amount =
                header.at(at).map(order).map_or(0, |row| row.shipping_micros - row.discount_micros);
            (order_market(&header, at), line_state(&header, at, amount, 1))
        });
    }
    for key in keys(Source::DbOrderItems) {
        let (order_id, number) = key.rsplit_once('/').unwrap();
        if number.parse::<i64>().unwrap() < 1 {
            continue;
        }
        let header = History::of(changes, Source::DbOrders, order_id);
        let line = History::of(changes, Source::DbOrderItems, key);
        let first_at = *line.instants().first().unwrap();
        let mut instants = header.instants();
        instants.retain(|at| *at > first_at);
        instants.extend(line.instants());
        book(instants, &|at| {
            let amount =
                line.at(at).map(item).map_or(0, |row| row.quantity * row.unit_price_micros);
            (order_market(&header, at), line_state(&header, at, amount, 0))
        });
    }
    for key in keys(Source::DbPayments) {
        let history = History::of(changes, Source::DbPayments, key);
        book(history.instants(), &|at| {
            let known = history.last_known_at(at).map(payment);
            let market = known.map(|row| format!("{}/{}", row.country_code, row.currency_code));
            let market = market.unwrap_or("unknown/XXX".to_owned());
            let amounts = history.at(at).map(payment).map(|row| {
                let is_captured = row.status == "captured" || row.status == "refunded";
                let captured = if is_captured { row.amount_micros } else { 0 };
                [0, 0, 0, 0, captured, row.refunded_micros]
            });
            (market, amounts.unwrap_or_default())
        });
    }
    days.into_iter()
        .map(|(date, markets)| {
            (date, markets.into_iter().map(|(market, sums)| (market, truth(sums))).collect())
        })
        .collect()
}

fn line_state(header: &History, at: MicrosUtc, amount: i64, order_count: i64) -> Amounts {
    match header.at(at).map(order) {
        None => Amounts::default(),
        Some(row) if row.status == "cancelled" => [order_count, amount, amount, 0, 0, 0],
        Some(row) if row.status == "returned" => [order_count, amount, 0, amount, 0, 0],
        Some(_) => [order_count, amount, 0, 0, 0, 0],
    }
}

fn order_market(header: &History, at: MicrosUtc) -> String {
    let known = header.last_known_at(at).map(order);
    let market = known.map(|row| format!("{}/{}", row.country_code, row.currency_code));
    market.unwrap_or("unknown/XXX".to_owned())
}

fn order(row: &Row) -> &OrderRow {
    match row {
        Row::Order(row) => row,
        other => panic!("{other:?} is no order"),
    }
}

fn item(row: &Row) -> &OrderItemRow {
    match row {
        Row::OrderItem(row) => row,
        other => panic!("{other:?} is no line"),
    }
}

fn payment(row: &Row) -> &PaymentRow {
    match row {
        Row::Payment(row) => row,
        other => panic!("{other:?} is no payment"),
    }
}

fn truth(sums: Amounts) -> RevenueTruth {
    let [
        order_count,
        gross_micros,
        cancelled_micros,
        returned_micros,
        captured_micros,
        refunded_micros,
    ] = sums;
    RevenueTruth {
        order_count,
        gross_micros,
        cancelled_micros,
        returned_micros,
        captured_micros,
        refunded_micros,
    }
}
