//! The part of the truth that is about sessions, and how far they came.

use super::recorder::AcceptedEvent;
use super::{FunnelTruth, SessionTruth};
use crate::events::Event;
use crate::time::date_of;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// The steps from a product to a payment: the functionality, and whether a session did what
/// belongs to it.
const STEPS: [(&str, IsReached); 4] = [
    ("catalogue", |session| session.product_view_count > 0),
    ("cart", |session| session.cart_addition_count > 0),
    ("checkout", |session| session.checkout_count > 0),
    ("payments", |session| session.payment_count > 0),
];

type IsReached = fn(&SessionTruth) -> bool;

/// A session of a user on the date on which it began.
struct Session {
    day: i64,
    user: u32,
    truth: SessionTruth,
}

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
    for Session { day, user, truth } in sessions(events) {
        if day > last_day {
            continue;
        }
        let date = date_of(day);
        days.sessions.entry(date).or_default().add(&truth);
        for (functionality, _) in STEPS.iter().take_while(|(_, is_reached)| is_reached(&truth)) {
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
fn sessions(events: &[AcceptedEvent]) -> Vec<Session> {
    let mut events: Vec<&AcceptedEvent> =
        events.iter().filter(|event| event.session.is_some()).collect();
    events.sort_unstable_by_key(|event| (event.session, event.user, event.day));
    let mut sessions: Vec<Session> = Vec::new();
    let of_one = |one: &&AcceptedEvent, other: &&AcceptedEvent| {
        (one.session, one.user) == (other.session, other.user)
    };
    for events in events.chunk_by(of_one) {
        let first = sessions.len();
        let mut day_before = None;
        for events in events.chunk_by(|one, other| one.day == other.day) {
            let AcceptedEvent { day, user, .. } = *events[0];
            let began_on = if day_before == Some(day - 1) { day - 1 } else { day };
            day_before = Some(day);
            if sessions[first..].last().is_none_or(|session| session.day != began_on) {
                let truth = SessionTruth { session_count: 1, ..SessionTruth::default() };
                sessions.push(Session { day: began_on, user, truth });
            }
            let truth = &mut sessions.last_mut().expect("pushed if there was none").truth;
            for event in events {
                truth.note(event.event);
            }
        }
    }
    sessions
}

impl SessionTruth {
    /// Takes note of an event.
    fn note(&mut self, event: Event) {
        self.event_count += 1;
        match event {
            Event::ProductViewed => self.product_view_count += 1,
            Event::CartItemAdded => self.cart_addition_count += 1,
            Event::CheckoutStarted => self.checkout_count += 1,
            Event::OrderPlaced => self.order_count += 1,
            Event::PaymentSubmitted => self.payment_count += 1,
            _ => {}
        }
    }

    pub(super) fn add(&mut self, other: &SessionTruth) {
        self.session_count += other.session_count;
        self.event_count += other.event_count;
        self.product_view_count += other.product_view_count;
        self.cart_addition_count += other.cart_addition_count;
        self.checkout_count += other.checkout_count;
        self.order_count += other.order_count;
        self.payment_count += other.payment_count;
    }
}
