//! The part of the truth that is about sessions, and how far they came.

use super::recorder::AcceptedEvent;
use super::{FunnelTruth, SessionTruth};
use crate::time::date_of;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// The steps from a product to a payment: the functionality, and whether a session did what
/// belongs to it.
const STEPS: [(&str, fn(&SessionTruth) -> bool); 4] = [
    ("catalogue", |session| session.product_view_count > 0),
    ("cart", |session| session.cart_addition_count > 0),
    ("checkout", |session| session.checkout_count > 0),
    ("payments", |session| session.payment_count > 0),
];

/// A session on the date on which it began: day, session and user.
type Session = (i64, u32, u32);

/// Sessions by the dates on which they began, and how far they came.
#[derive(Debug, Default)]
pub(super) struct SessionDays {
    pub(super) sessions: BTreeMap<Date, SessionTruth>,
    pub(super) funnel: BTreeMap<Date, BTreeMap<String, FunnelTruth>>,
}

/// The sessions of every date up to the last.
pub(super) fn by_date(events: &[AcceptedEvent], last_day: i64) -> SessionDays {
    let mut days = SessionDays::default();
    let mut users: BTreeMap<(Date, &str), BTreeSet<u32>> = BTreeMap::new();
    for ((day, _, user), session) in sessions(events) {
        if day > last_day {
            continue;
        }
        let date = date_of(day);
        days.sessions.entry(date).or_default().add(&session);
        for (functionality, _) in STEPS.iter().take_while(|(_, is_reached)| is_reached(&session)) {
            let funnel = days.funnel.entry(date).or_default();
            funnel.entry((*functionality).to_owned()).or_default().session_count += 1;
            users.entry((date, functionality)).or_default().insert(user);
        }
    }
    for ((date, functionality), users) in users {
        let funnel = days.funnel.entry(date).or_default();
        funnel.entry(functionality.to_owned()).or_default().user_count = users.len() as u64;
    }
    days
}

/// Every session with what happened in it. An event belongs to the session of the day before, if
/// the session had an event on that day.
fn sessions(events: &[AcceptedEvent]) -> BTreeMap<Session, SessionTruth> {
    let of_days: BTreeSet<Session> =
        events.iter().filter_map(|event| Some((event.day, event.session?, event.user))).collect();
    let mut sessions: BTreeMap<Session, SessionTruth> = BTreeMap::new();
    for event in events {
        let Some(session) = event.session else { continue };
        let day_before = (event.day - 1, session, event.user);
        let key = if of_days.contains(&day_before) {
            day_before
        } else {
            (event.day, session, event.user)
        };
        let truth = sessions.entry(key).or_default();
        truth.session_count = 1;
        truth.event_count += 1;
        match event.event_name {
            "product_viewed" => truth.product_view_count += 1,
            "cart_item_added" => truth.cart_addition_count += 1,
            "checkout_started" => truth.checkout_count += 1,
            "order_placed" => truth.order_count += 1,
            "payment_submitted" => truth.payment_count += 1,
            _ => {}
        }
    }
    sessions
}

impl SessionTruth {
    fn add(&mut self, other: &SessionTruth) {
        self.session_count += other.session_count;
        self.event_count += other.event_count;
        self.product_view_count += other.product_view_count;
        self.cart_addition_count += other.cart_addition_count;
        self.checkout_count += other.checkout_count;
        self.order_count += other.order_count;
        self.payment_count += other.payment_count;
    }
}
