//! The truth of money, sessions and cohorts against a second reading of the rules, on random sets
//! of messages in which everything is close together: few keys, few instants, the edges of days.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod naive;

use jiff::civil::{Date, date};
use naive::naive_truth;
use proptest::prelude::*;
use sim::{
    Arrival, Event, Limits, Meaning, MicrosUtc, MobileEvent, Operation, OrderItemRow, OrderRow,
    Outcome, PaymentRow, Row, RowChange, Source, TruthRecorder, UserRow, Visit, digest,
};
use std::sync::Arc;

const LAST_DATE: Date = date(2026, 1, 4);
const LIMITS: Limits = Limits { max_lateness_days: 40, max_skew_days: 1 };
const HOUR: i64 = 3_600_000_000;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;

const EVENTS: [Event; 6] = [
    Event::AppOpened,
    Event::ProductViewed,
    Event::CartItemAdded,
    Event::CheckoutStarted,
    Event::OrderPlaced,
    Event::PaymentSubmitted,
];

fn instant(days: std::ops::Range<i64>) -> impl Strategy<Value = MicrosUtc> {
    let times = prop::sample::select(vec![0, HOUR, 24 * HOUR - 1]);
    (days, times).prop_map(|(day, time)| MicrosUtc(START + day * 24 * HOUR + time))
}

fn event() -> impl Strategy<Value = MobileEvent> {
    let session_id = prop::sample::select(vec!["", "s1", "s1", "s2"]);
    let occurred_at = prop_oneof![4 => instant(0..5), 1 => instant(-30..0)];
    (0..40_u32, 0..3_u8, session_id, prop::sample::select(EVENTS.to_vec()), occurred_at).prop_map(
        |(id, user, session_id, event, occurred_at)| MobileEvent {
            event_id: format!("e{id}"),
            event,
            functionality: "feed".into(),
            user_id: format!("u{user}"),
            occurred_at,
            product_id: None,
            visit: Arc::new(Visit { session_id: session_id.to_owned(), ..Visit::default() }),
        },
    )
}

/// Of one key, commit and sequence there is one row only.
fn change() -> impl Strategy<Value = RowChange> {
    let source = prop::sample::select(vec![
        Source::DbUsers,
        Source::DbOrders,
        Source::DbOrders,
        Source::DbOrderItems,
        Source::DbOrderItems,
        Source::DbPayments,
    ]);
    (source, 0..2_u8, 0..3_i64, instant(-2..6), 0..3_i64).prop_map(
        |(source, number, line_number, committed_at, lsn)| {
            let line_number = if source == Source::DbOrderItems { line_number } else { 0 };
            let seed = digest(&format!("{source:?} {number} {line_number} {committed_at:?} {lsn}"));
            let is_deleted = seed.is_multiple_of(5);
            let row = row(source, number, line_number, seed);
            RowChange {
                source,
                key: row.key(),
                operation: if is_deleted { Operation::Delete } else { Operation::Update },
                lsn,
                committed_at,
                identity: format!("{source:?} {} {committed_at:?} {lsn}", row.key()),
                row: Some(row).filter(|_| !is_deleted),
            }
        },
    )
}

fn row(source: Source, number: u8, line_number: i64, seed: u64) -> Row {
    let pick = |shift: u32, items: &[&str]| {
        items[usize::try_from(seed.rotate_right(shift) % items.len() as u64).unwrap()].to_owned()
    };
    let amount = |shift: u32| i64::try_from(seed.rotate_right(shift) % 4).unwrap() * 1_000;
    let country_code = pick(7, &["NL", "DE", "US", ""]);
    let currency_code = pick(11, &["EUR", "EUR", "USD", ""]);
    let (order_id, user_id) = (format!("o/{number}"), format!("u{number}"));
    match source {
        Source::DbUsers => Row::User(UserRow {
            user_id,
            signed_up_at: MicrosUtc(START + (amount(3) / 1_000 - 2) * 14 * 24 * HOUR),
            country_code,
            plan: pick(5, &["free", "plus"]),
            marketing_opt_in: false,
            email: String::new(),
            phone_number: None,
        }),
        Source::DbOrders => Row::Order(OrderRow {
            order_id,
            user_id,
            status: pick(17, &["placed", "paid", "cancelled", "returned"]),
            placed_at: MicrosUtc(START),
            country_code,
            currency_code,
            shipping_micros: amount(23),
            discount_micros: amount(29),
        }),
        Source::DbOrderItems => Row::OrderItem(OrderItemRow {
            order_id,
            line_number,
            product_id: "p1".to_owned(),
            quantity: amount(31) / 1_000,
            unit_price_micros: amount(37),
        }),
        _ => Row::Payment(PaymentRow {
            payment_id: format!("y{number}"),
            order_id,
            user_id,
            status: pick(41, &["pending", "captured", "failed", "refunded"]),
            method: "card".to_owned(),
            amount_micros: amount(43),
            refunded_micros: amount(47),
            currency_code,
            country_code,
            attempted_at: MicrosUtc(START),
        }),
    }
}

fn arrival(index: usize, arrived_at: MicrosUtc, source: Source, meaning: Meaning) -> Arrival {
    Arrival {
        source,
        lane: index as u64,
        arrived_at,
        sent_at: arrived_at,
        messages: [(Vec::new(), meaning)].into_iter().collect(),
        outcome: Outcome::Acknowledged,
    }
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let meaning =
        prop_oneof![event().prop_map(Meaning::MobileEvent), change().prop_map(Meaning::RowChange),];
    prop::collection::vec((instant(0..4), meaning), 1..60).prop_map(|messages| {
        let mut arrivals: Vec<Arrival> = messages
            .into_iter()
            .enumerate()
            .map(|(index, (arrived_at, meaning))| {
                let source = match &meaning {
                    Meaning::RowChange(change) => change.source,
                    _ => Source::MobileEvents,
                };
                arrival(index, arrived_at, source, meaning)
            })
            .collect();
        arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
        arrivals
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn truth_agrees_with_a_naive_reading(arrivals in arrivals()) {
        let mut recorder = TruthRecorder::new(LIMITS);
        arrivals.iter().rev().for_each(|arrival| recorder.observe(arrival));
        prop_assert_eq!(naive_truth(&arrivals, LIMITS, LAST_DATE), recorder.finish(LAST_DATE));
    }
}

/// An order is edited, cancelled and its line deleted; a payment is given back in part.
#[test]
fn movements_of_an_order() {
    let order = |status: &str, currency_code: &str| {
        let Row::Order(row) = row(Source::DbOrders, 1, 0, 0) else { unreachable!() };
        let status = status.to_owned();
        let (country_code, currency_code) = ("NL".to_owned(), currency_code.to_owned());
        Row::Order(OrderRow { status, country_code, currency_code, shipping_micros: 5, ..row })
    };
    let line = |quantity| {
        let Row::OrderItem(row) = row(Source::DbOrderItems, 1, 1, 0) else { unreachable!() };
        Row::OrderItem(OrderItemRow { quantity, unit_price_micros: 10, ..row })
    };
    let changes = [
        (0, order("placed", "EUR")),
        (0, line(2)),
        (1, line(1)),
        (2, order("cancelled", "EUR")),
        (3, order("returned", "USD")),
    ];
    let mut recorder = TruthRecorder::new(LIMITS);
    for (index, (day, row)) in changes.into_iter().enumerate() {
        let at = MicrosUtc(START + day * 24 * HOUR);
        let change = RowChange {
            source: row.source(),
            key: row.key(),
            operation: Operation::Update,
            lsn: 0,
            committed_at: at,
            identity: format!("{row:?}"),
            row: Some(row),
        };
        recorder.observe(&arrival(index, at, change.source, Meaning::RowChange(change)));
    }
    let days = recorder.finish(LAST_DATE).revenue_days;
    let lines: Vec<String> = days
        .values()
        .flatten()
        .map(|(market, truth)| {
            let [orders, gross] = [truth.order_count, truth.gross_micros];
            let [cancelled, returned] = [truth.cancelled_micros, truth.returned_micros];
            format!("{market} {orders} {gross} {cancelled} {returned}")
        })
        .collect();
    let expected = ["NL/EUR 1 25 0 0", "NL/EUR 0 -10 0 0", "NL/EUR 0 0 15 0", "NL/USD 0 0 -15 15"];
    assert_eq!(lines, expected);
}
