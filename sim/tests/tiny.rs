//! The scenario `tiny`, of which the goldens are made, has one of everything.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod naive;
mod scenario;

use scenario::{LIMITS, all_arrivals, messages, tiny_with, truth};
use sim::{Arrival, EVENT_NAMES, Meaning, MobileEvent, Row, RowChange, Simulation, Truth};
use std::collections::{BTreeMap, BTreeSet};

/// Goldens are kept in the repository, and read by people.
const MESSAGES_MAX: usize = 1_500;

/// What there must be, as far as it can be told from a word: a kind, and the names of that kind.
const WANTED: [&str; 16] = [
    "mobile_events in_future,missing_key,not_json,not_utf8,too_late,unknown_event,wrong_type",
    "db_users missing_key,not_json,not_utf8,unknown_operation,wrong_type",
    "db_products missing_key,wrong_type",
    "db_orders missing_key,not_json,unknown_operation,wrong_type",
    "db_order_items missing_key,wrong_type",
    "db_payments missing_key,wrong_type",
    "db_subscriptions missing_key,wrong_type",
    "outcome Acknowledged,AcknowledgementLost,ConnectionBroken",
    "duplicates mobile_events,db_users,db_products,db_orders,db_order_items,db_payments,db_subscriptions",
    "operation db_users snapshot,db_users insert,db_users update,db_users delete",
    "operation db_products snapshot,db_products insert,db_products update,db_products delete",
    "operation db_orders snapshot,db_orders insert,db_orders update,db_orders delete",
    "operation db_order_items snapshot,db_order_items insert,db_order_items update,db_order_items delete",
    "operation db_payments snapshot,db_payments insert,db_payments update",
    "operation db_subscriptions snapshot,db_subscriptions insert,db_subscriptions update,db_subscriptions delete",
    "special late_and_accepted,repeated_on_another_day,new_user,unknown_user,retained_user,\
     session_across_midnight,order_after_failure,payment_retried,refunded_in_part,refunded_in_full,\
     inactive_product,changed_price,cancelled_revenue,returned_revenue,refunded_revenue",
];

#[test]
fn tiny_has_every_fault_and_every_event() {
    let simulation = tiny_with(&[]);
    assert_eq!(lacking(&simulation), BTreeSet::new());
    let truth = truth(&simulation, &all_arrivals(&simulation));
    for day in truth.load_days.values().flat_map(BTreeMap::values) {
        let rejected: u64 = day.rejected.values().sum();
        assert_eq!(day.archived, day.accepted + day.duplicates + rejected);
    }
}

#[test]
fn truth_of_tiny_agrees_with_a_naive_reading() {
    let simulation = tiny_with(&[]);
    let arrivals = all_arrivals(&simulation);
    let last = simulation.load_dates().last().unwrap();
    let naive = naive::naive_truth(&arrivals, LIMITS, last);
    assert_eq!(naive, truth(&simulation, &arrivals));
}

/// What a scenario for goldens should have and this one has not.
fn lacking(simulation: &Simulation) -> BTreeSet<String> {
    let arrivals = all_arrivals(simulation);
    let mut lacking: BTreeSet<String> = WANTED
        .iter()
        .filter_map(|line| line.split_once(' '))
        .flat_map(|(kind, names)| names.split(',').map(move |name| format!("{kind} {name}")))
        .chain(EVENT_NAMES.iter().map(|name| format!("event {name}")))
        .collect();
    let mut found = Found(BTreeSet::new());
    found.in_truth(&truth(simulation, &arrivals));
    found.in_events(&arrivals);
    found.in_changes(&arrivals);
    if messages(&arrivals).count() > MESSAGES_MAX {
        lacking.insert(format!("no more than {MESSAGES_MAX} messages"));
    }
    lacking.retain(|wanted| !found.0.contains(wanted));
    lacking
}

/// What was found, in the words of what is wanted.
struct Found(BTreeSet<String>);

impl Found {
    fn note(&mut self, is_there: bool, what: &str) {
        if is_there {
            self.0.insert(what.to_owned());
        }
    }

    fn in_truth(&mut self, truth: &Truth) {
        for (source, days) in &truth.load_days {
            for day in days.values() {
                self.note(day.duplicates > 0, &format!("duplicates {}", source.name()));
                let codes = day.rejected.keys();
                self.0.extend(codes.map(|code| format!("{} {code}", source.name())));
            }
        }
        for day in truth.activity_days.values() {
            self.note(day.new_users > 0, "special new_user");
            self.note(day.unknown_users > 0, "special unknown_user");
        }
        for (day, cohorts) in &truth.retention_days {
            self.note(cohorts.keys().any(|cohort| cohort < day), "special retained_user");
        }
        for revenue in truth.revenue_days.values().flat_map(BTreeMap::values) {
            self.note(revenue.cancelled_micros > 0, "special cancelled_revenue");
            self.note(revenue.returned_micros > 0, "special returned_revenue");
            self.note(revenue.refunded_micros > 0, "special refunded_revenue");
        }
    }

    fn in_events(&mut self, arrivals: &[Arrival]) {
        let mut load_dates = BTreeMap::new();
        let mut sessions: BTreeMap<&str, Vec<(&MobileEvent, jiff::civil::Date)>> = BTreeMap::new();
        for arrival in arrivals {
            self.note(true, &format!("outcome {:?}", arrival.outcome));
            let load_date = arrival.arrived_at.date();
            for message in arrival.messages.iter() {
                let Meaning::MobileEvent(event) = message.meaning else { continue };
                self.note(true, &format!("event {}", event.event.name()));
                let known = load_dates.insert(&event.event_id, load_date);
                let is_again = known.is_some_and(|known| known < load_date);
                self.note(is_again, "special repeated_on_another_day");
                let clock = arrival.arrived_at.0 - arrival.sent_at.0;
                let event_at = sim::MicrosUtc(event.occurred_at.0 + clock);
                let days_late = (arrival.arrived_at.0 - event_at.0) / 86_400_000_000;
                self.note((1..30).contains(&days_late), "special late_and_accepted");
                let session_id = event.visit.session_id.as_str();
                sessions.entry(session_id).or_default().push((event, event_at.date()));
            }
        }
        for events in sessions.values() {
            let dates: BTreeSet<_> = events.iter().map(|(_, date)| *date).collect();
            let is_ordinary = dates.len() == 2 && dates.first().unwrap().year() == 2026;
            self.note(is_ordinary, "special session_across_midnight");
            let has = |name: &str| events.iter().any(|(event, _)| event.event.name() == name);
            let tried_again = has("order_failed") && has("order_placed");
            self.note(tried_again, "special order_after_failure");
        }
    }

    fn in_changes(&mut self, arrivals: &[Arrival]) {
        let mut payments_of_order: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut prices: BTreeMap<&str, i64> = BTreeMap::new();
        for change in changes(arrivals) {
            let operation = change.operation.name();
            self.note(true, &format!("operation {} {operation}", change.source.name()));
            match &change.row {
                Some(Row::Payment(row)) => {
                    let payments = payments_of_order.entry(&row.order_id).or_default();
                    payments.insert(&row.payment_id);
                    let refunded = row.refunded_micros;
                    let is_in_part = refunded > 0 && refunded < row.amount_micros;
                    self.note(payments.len() > 1, "special payment_retried");
                    self.note(is_in_part, "special refunded_in_part");
                    self.note(refunded == row.amount_micros, "special refunded_in_full");
                }
                Some(Row::Product(row)) => {
                    let price = row.list_price_micros;
                    let known = prices.insert(&row.product_id, price);
                    let is_new_price = known.is_some_and(|known| known != price);
                    self.note(is_new_price, "special changed_price");
                    self.note(!row.is_active, "special inactive_product");
                }
                _ => {}
            }
        }
    }
}

fn changes(arrivals: &[Arrival]) -> impl Iterator<Item = &RowChange> {
    messages(arrivals).filter_map(|message| match message.meaning {
        Meaning::RowChange(change) => Some(change),
        _ => None,
    })
}

#[test]
#[ignore = "looks for a seed for scenarios/tiny.toml"]
fn find_a_seed_for_tiny() {
    let mut least = usize::MAX;
    for seed in 1..40_000 {
        let simulation = tiny_with(&[("\nseed = ", &format!("\nseed = {seed} # "))]);
        let lacking = lacking(&simulation);
        if lacking.len() <= least.max(1) {
            least = least.min(lacking.len());
            println!("{seed} lacks {lacking:?}");
        }
    }
}
