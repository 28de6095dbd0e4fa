//! Money in motion: the states of an order's lines and of payments, and what each state adds to the
//! one before.

use std::collections::BTreeSet;

use sim::{MicrosUtc, OrderItemRow, OrderRow, PaymentRow, Row};

use super::histories::{END_OF_TIME, Histories, State, state_at};

/// Where money is booked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// ISO 3166-1 alpha-2, or `unknown`.
    pub country_code: String,
    /// ISO 4217, or `XXX`.
    pub currency_code: String,
}

/// A state, and how long it lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch<S, const N: usize> {
    /// From when it holds.
    pub from: MicrosUtc,
    /// Until when.
    pub to: MicrosUtc,
    /// What was said.
    pub said: S,
    /// Under what it is booked.
    pub place: Place,
    /// The measures.
    pub measures: [i64; N],
    /// By how much they differ from those of the state before.
    pub changes: [i64; N],
}

/// What is said of a line and of its order: nothing yet, that it is deleted, or its row.
pub type LineSaid<'a> = (Option<Option<&'a OrderItemRow>>, Option<Option<&'a OrderRow>>);

/// A line with `order_count`, gross, cancelled and returned.
pub type LineStretch<'a> = Stretch<LineSaid<'a>, 4>;

/// A payment with `payment_count`, `failed_count`, captured and refunded.
pub type PaymentStretch<'a> = Stretch<Option<&'a PaymentRow>, 4>;

/// The places of a row over time: a code that is not said, or gone with its row, is as before.
fn places<'a>(
    history: &[State<'a>],
    codes: impl Fn(&'a Row) -> (&'a str, &'a str),
) -> Vec<(MicrosUtc, Place)> {
    let mut place = Place { country_code: "unknown".to_owned(), currency_code: "XXX".to_owned() };
    let mut places = vec![(MicrosUtc(i64::MIN), place.clone())];
    for (at, row) in history {
        let (country_code, currency_code) = row.map_or(("", ""), &codes);
        if !country_code.is_empty() {
            country_code.clone_into(&mut place.country_code);
        }
        if !currency_code.is_empty() {
            currency_code.clone_into(&mut place.currency_code);
        }
        places.push((*at, place.clone()));
    }
    places
}

fn place_at(places: &[(MicrosUtc, Place)], at: MicrosUtc) -> Place {
    let last = places.iter().rev().find(|(since, _)| *since <= at);
    last.expect("the first is before all instants").1.clone()
}

/// Equal neighbours become one, and differences are taken, from zero on.
fn stretches<S: PartialEq, const N: usize>(
    states: impl Iterator<Item = (MicrosUtc, S, Place, [i64; N])>,
) -> Vec<Stretch<S, N>> {
    let mut stretches: Vec<Stretch<S, N>> = Vec::new();
    for (from, said, place, measures) in states {
        let before = match stretches.last_mut() {
            Some(last) if last.said == said => continue,
            Some(last) => {
                last.to = from;
                last.measures
            }
            None => [0; N],
        };
        let changes = std::array::from_fn(|index| measures[index] - before[index]);
        stretches.push(Stretch { from, to: END_OF_TIME, said, place, measures, changes });
    }
    stretches
}

/// The states of a line. Without a line's own history it is the order itself, as line 0.
fn line_stretches<'a>(header: &[State<'a>], line: Option<&[State<'a>]>) -> Vec<LineStretch<'a>> {
    let header_instants = header.iter().map(|(at, _)| *at);
    let instants: BTreeSet<MicrosUtc> = match line {
        None => header_instants.collect(),
        Some(line) => {
            let first = line.first().map_or(MicrosUtc(i64::MAX), |(at, _)| *at);
            let own = line.iter().map(|(at, _)| *at);
            own.chain(header_instants.filter(|at| *at > first)).collect()
        }
    };
    let places = places(header, |row| {
        let order = order(row);
        (&order.country_code, &order.currency_code)
    });
    let state = |at| {
        let order = state_at(header, at).map(|(_, row)| row.map(order));
        let item = line.map(|line| state_at(line, at).and_then(|(_, row)| row).map(order_item));
        let subject = item.map_or(Subject::Order, Subject::Line);
        (at, (item, order), place_at(&places, at), line_measures(subject, order.flatten()))
    };
    stretches(instants.into_iter().map(state))
}

/// What is measured: the order itself, or a line of it, if that is not deleted.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Order,
    Line(Option<&'a OrderItemRow>),
}

fn line_measures(subject: Subject<'_>, order: Option<&OrderRow>) -> [i64; 4] {
    // An order that is not known or deleted counts for nothing, and neither does a deleted line.
    let Some(order) = order else { return [0; 4] };
    let (count, amount) = match subject {
        Subject::Order => (1, order.shipping_micros - order.discount_micros),
        Subject::Line(Some(item)) => (0, item.quantity * item.unit_price_micros),
        Subject::Line(None) => return [0; 4],
    };
    let if_status = |status| if order.status == status { amount } else { 0 };
    [count, amount, if_status("cancelled"), if_status("returned")]
}

/// The states of a payment.
pub fn payment_stretches<'a>(history: &[State<'a>]) -> Vec<PaymentStretch<'a>> {
    let places = places(history, |row| {
        let payment = payment(row);
        (&payment.country_code, &payment.currency_code)
    });
    let measures = |payment: &PaymentRow| {
        let is_captured = matches!(payment.status.as_str(), "captured" | "refunded");
        let captured = if is_captured { payment.amount_micros } else { 0 };
        [1, i64::from(payment.status == "failed"), captured, payment.refunded_micros]
    };
    let state = |&(at, row): &State<'a>| {
        let payment = row.map(payment);
        (at, payment, place_at(&places, at), payment.map(measures).unwrap_or_default())
    };
    stretches(history.iter().map(state))
}

/// The lines of all orders: the order's key, the line's number, and its states.
pub fn all_lines<'a>(
    orders: &Histories<'a>,
    lines: &Histories<'a>,
) -> Vec<(&'a str, i64, Vec<LineStretch<'a>>)> {
    let mut all: Vec<_> =
        orders.iter().map(|(order, header)| (*order, 0, line_stretches(header, None))).collect();
    for (key, line) in lines {
        let (order, number) = key.rsplit_once('/').expect("a line's key has two parts");
        let number: i64 = number.parse().expect("the second part is a number");
        if number >= 1 {
            let header = orders.get(order).map(Vec::as_slice).unwrap_or_default();
            all.push((order, number, line_stretches(header, Some(line))));
        }
    }
    all
}

fn order(row: &Row) -> &OrderRow {
    match row {
        Row::Order(row) => row,
        other => unreachable!("{other:?} in the history of an order"),
    }
}

fn order_item(row: &Row) -> &OrderItemRow {
    match row {
        Row::OrderItem(row) => row,
        other => unreachable!("{other:?} in the history of a line"),
    }
}

fn payment(row: &Row) -> &PaymentRow {
    match row {
        Row::Payment(row) => row,
        other => unreachable!("{other:?} in the history of a payment"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn at(hour: i64) -> MicrosUtc {
        MicrosUtc(hour * HOUR)
    }

    fn order_row(status: &str, country_code: &str, shipping_micros: i64) -> Row {
        Row::Order(OrderRow {
            order_id: "o".to_owned(),
            user_id: "u".to_owned(),
            status: status.to_owned(),
            placed_at: MicrosUtc(0),
            country_code: country_code.to_owned(),
            currency_code: "EUR".to_owned(),
            shipping_micros,
            discount_micros: 0,
        })
    }

    fn item_row(quantity: i64) -> Row {
        Row::OrderItem(OrderItemRow {
            order_id: "o".to_owned(),
            line_number: 1,
            product_id: "x".to_owned(),
            quantity,
            unit_price_micros: 10,
        })
    }

    fn shown<'a>(stretches: &'a [LineStretch<'_>]) -> Vec<(i64, &'a str, &'a str, [i64; 4])> {
        let codes = |place: &'a Place| (place.country_code.as_str(), place.currency_code.as_str());
        stretches
            .iter()
            .map(|stretch| {
                let (country_code, currency_code) = codes(&stretch.place);
                (stretch.from.0 / HOUR, country_code, currency_code, stretch.changes)
            })
            .collect()
    }

    #[test]
    fn a_line_counts_from_when_its_order_is_known() {
        let (placed, cancelled) = (order_row("placed", "NL", 5), order_row("cancelled", "", 5));
        let (two, three) = (item_row(2), item_row(3));
        let header = [(at(2), Some(&placed)), (at(4), Some(&cancelled)), (at(6), None)];
        let line = [(at(1), Some(&two)), (at(3), Some(&three)), (at(4), Some(&two))];
        assert_eq!(
            shown(&line_stretches(&header, Some(&line))),
            [
                (1, "unknown", "XXX", [0, 0, 0, 0]),
                (2, "NL", "EUR", [0, 20, 0, 0]),
                (3, "NL", "EUR", [0, 10, 0, 0]),
                (4, "NL", "EUR", [0, -10, 20, 0]),
                (6, "NL", "EUR", [0, -20, -20, 0]),
            ]
        );
        assert_eq!(
            shown(&line_stretches(&header, None)),
            [
                (2, "NL", "EUR", [1, 5, 0, 0]),
                (4, "NL", "EUR", [0, 0, 5, 0]),
                (6, "NL", "EUR", [-1, -5, -5, 0]),
            ]
        );
    }

    #[test]
    fn what_comes_back_is_booked_again() {
        let (placed, two) = (order_row("placed", "NL", 5), item_row(2));
        let header = [(at(1), Some(&placed)), (at(5), Some(&placed))];
        let line = [(at(2), Some(&two)), (at(3), None), (at(4), Some(&two))];
        assert_eq!(
            shown(&line_stretches(&header, Some(&line))),
            [
                (2, "NL", "EUR", [0, 20, 0, 0]),
                (3, "NL", "EUR", [0, -20, 0, 0]),
                (4, "NL", "EUR", [0, 20, 0, 0]),
            ]
        );
    }
}
