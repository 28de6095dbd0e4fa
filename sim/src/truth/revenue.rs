//! The part of the truth that is about money: how orders and payments moved on which date.
//!
//! Everything is counted per line, where line 0 is the order itself with its shipping and discount.
//! At each instant at which a line or its order changed, the line has a state; what moved is the
//! difference from its state before.

use super::RevenueTruth;
use crate::arrival::{RowChange, Source};
use crate::rows::{OrderItemRow, OrderRow, PaymentRow, Row};
use crate::time::{MicrosUtc, date_of};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};

/// Country and currency of what never had one.
const UNKNOWN_COUNTRY: &str = "unknown";
const UNKNOWN_CURRENCY: &str = "XXX";

/// What a row was from some instants on: of the changes of one instant the last one counts.
type History<T> = BTreeMap<MicrosUtc, (i64, Option<T>)>;

/// All that is known of orders and payments.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    orders: BTreeMap<String, OrderHistory>,
    payments: BTreeMap<String, History<PaymentRow>>,
}

#[derive(Clone, Debug, Default)]
struct OrderHistory {
    header: History<OrderRow>,
    lines: BTreeMap<i64, History<OrderItemRow>>,
}

/// What the header of an order says from some instant on.
#[derive(Clone, Copy, Debug)]
struct Header<'a> {
    market: Market<'a>,
    row: Option<&'a OrderRow>,
}

/// Where revenue is booked.
#[derive(Clone, Copy, Debug)]
struct Market<'a> {
    country_code: &'a str,
    currency_code: &'a str,
}

const UNKNOWN: Market<'_> =
    Market { country_code: UNKNOWN_COUNTRY, currency_code: UNKNOWN_CURRENCY };

impl Ledger {
    pub(super) fn add(&mut self, change: &RowChange) {
        let (at, lsn) = (change.committed_at, change.lsn);
        match (&change.row, change.source) {
            (Some(Row::Order(row)), _) => {
                note(&mut self.order(&change.key).header, at, lsn, Some(row.clone()));
            }
            (None, Source::DbOrders) => {
                note(&mut self.order(&change.key).header, at, lsn, None);
            }
            (Some(Row::OrderItem(row)), _) => {
                self.note_line(&row.order_id, row.line_number, at, lsn, Some(row.clone()));
            }
            (None, Source::DbOrderItems) => {
                let parts = change.key.rsplit_once('/');
                let line = parts.and_then(|(order, line)| Some((order, line.parse().ok()?)));
                let (order_id, line_number) = line.expect("a key of order and number of the line");
                self.note_line(order_id, line_number, at, lsn, None);
            }
            (Some(Row::Payment(row)), _) => {
                note(
                    self.payments.entry(change.key.clone()).or_default(),
                    at,
                    lsn,
                    Some(row.clone()),
                );
            }
            (None, Source::DbPayments) => {
                note(self.payments.entry(change.key.clone()).or_default(), at, lsn, None);
            }
            _ => {}
        }
    }

    fn order(&mut self, order_id: &str) -> &mut OrderHistory {
        self.orders.entry(order_id.to_owned()).or_default()
    }

    fn note_line(
        &mut self,
        order_id: &str,
        line_number: i64,
        at: MicrosUtc,
        lsn: i64,
        row: Option<OrderItemRow>,
    ) {
        // Lines are counted from 1.
        if line_number >= 1 {
            note(self.order(order_id).lines.entry(line_number).or_default(), at, lsn, row);
        }
    }

    /// What moved on each date up to the last.
    pub(super) fn by_date(&self, last_day: i64) -> BTreeMap<Date, BTreeMap<String, RevenueTruth>> {
        let mut books = Books { last_day, days: BTreeMap::new() };
        for order in self.orders.values() {
            order.book(&mut books);
        }
        for payment in self.payments.values() {
            book_payment(payment, &mut books);
        }
        books.days.into_iter().map(|(day, truths)| (date_of(day), truths)).collect()
    }
}

fn note<T>(history: &mut History<T>, at: MicrosUtc, lsn: i64, row: Option<T>) {
    if history.get(&at).is_none_or(|known| known.0 <= lsn) {
        history.insert(at, (lsn, row));
    }
}

impl OrderHistory {
    fn book(&self, books: &mut Books) {
        let headers = self.headers();
        let mut account = Account::default();
        for (at, header) in &headers {
            let amount_micros =
                header.row.map_or(0, |row| row.shipping_micros - row.discount_micros);
            books.book(&mut account, *at, header.market, header.state(amount_micros, 1));
        }
        for line in self.lines.values() {
            book_line(line, &headers, books);
        }
    }

    /// The headers by the instants from which on they hold. A country and a currency stay known
    /// when the order is deleted.
    fn headers(&self) -> BTreeMap<MicrosUtc, Header<'_>> {
        let mut market = UNKNOWN;
        self.header
            .iter()
            .map(|(at, (_, row))| {
                if let Some(row) = row {
                    market = Market {
                        country_code: &row.country_code,
                        currency_code: &row.currency_code,
                    };
                }
                (*at, Header { market, row: row.as_ref() })
            })
            .collect()
    }
}

impl Header<'_> {
    /// The state of a line that is worth so much, if the order counts.
    fn state(&self, amount_micros: i64, order_count: i64) -> RevenueTruth {
        let Some(row) = self.row else {
            return RevenueTruth::default();
        };
        let if_status = |status| if row.status == status { amount_micros } else { 0 };
        RevenueTruth {
            order_count,
            gross_micros: amount_micros,
            cancelled_micros: if_status("cancelled"),
            returned_micros: if_status("returned"),
            ..RevenueTruth::default()
        }
    }
}

fn book_line(
    line: &History<OrderItemRow>,
    headers: &BTreeMap<MicrosUtc, Header<'_>>,
    books: &mut Books,
) {
    let Some(first_at) = line.keys().next() else { return };
    // Before its own first change the line is nothing, whatever happens to the order.
    let of_headers = headers.keys().filter(|at| *at > first_at);
    let mut instants: Vec<&MicrosUtc> = line.keys().chain(of_headers).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut account = Account::default();
    for at in instants {
        let (_, (_, row)) = line.range(..=at).next_back().expect("at or after the first");
        let amount_micros = row.as_ref().map_or(0, |row| row.quantity * row.unit_price_micros);
        let header = headers.range(..=at).next_back().map(|header| header.1);
        let (market, state) = match header {
            Some(header) => (header.market, header.state(amount_micros, 0)),
            None => (UNKNOWN, RevenueTruth::default()),
        };
        books.book(&mut account, *at, market, state);
    }
}

fn book_payment(history: &History<PaymentRow>, books: &mut Books) {
    let mut market = UNKNOWN;
    let mut account = Account::default();
    for (at, (_, row)) in history {
        let mut state = RevenueTruth::default();
        if let Some(row) = row {
            market = Market { country_code: &row.country_code, currency_code: &row.currency_code };
            let is_captured = ["captured", "refunded"].contains(&row.status.as_str());
            state.captured_micros = if is_captured { row.amount_micros } else { 0 };
            state.refunded_micros = row.refunded_micros;
        }
        books.book(&mut account, *at, market, state);
    }
}

/// The state of a line or payment after what was booked last.
#[derive(Debug, Default)]
struct Account(RevenueTruth);

/// What was booked so far.
struct Books {
    last_day: i64,
    days: BTreeMap<i64, BTreeMap<String, RevenueTruth>>,
}

impl Books {
    fn book(
        &mut self,
        account: &mut Account,
        at: MicrosUtc,
        market: Market<'_>,
        state: RevenueTruth,
    ) {
        let movement = state - std::mem::replace(&mut account.0, state);
        if movement != RevenueTruth::default() && at.day() <= self.last_day {
            let key = format!("{}/{}", market.country_code, market.currency_code);
            *self.days.entry(at.day()).or_default().entry(key).or_default() += movement;
        }
    }
}

impl Sub for RevenueTruth {
    type Output = RevenueTruth;

    fn sub(self, other: RevenueTruth) -> RevenueTruth {
        RevenueTruth {
            order_count: self.order_count - other.order_count,
            gross_micros: self.gross_micros - other.gross_micros,
            cancelled_micros: self.cancelled_micros - other.cancelled_micros,
            returned_micros: self.returned_micros - other.returned_micros,
            captured_micros: self.captured_micros - other.captured_micros,
            refunded_micros: self.refunded_micros - other.refunded_micros,
        }
    }
}

impl AddAssign for RevenueTruth {
    fn add_assign(&mut self, other: RevenueTruth) {
        let minus_other = RevenueTruth::default() - other;
        *self = *self - minus_other;
    }
}
