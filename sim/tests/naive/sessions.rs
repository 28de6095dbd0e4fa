//! Sessions, and how far they came.

use super::Valid;
use jiff::civil::Date;
use sim::{FunnelTruth, SessionTruth};
use std::collections::{BTreeMap, BTreeSet};

/// A session on its date: its user and the names of its events.
pub struct Session<'a> {
    date: Date,
    user_id: &'a str,
    event_names: Vec<&'static str>,
}

pub fn sessions<'a>(events: &[Valid<'a>], last: Date) -> Vec<Session<'a>> {
    let with_session: Vec<&Valid> =
        events.iter().filter(|event| !event.said.visit.session_id.is_empty()).collect();
    let date_of = |event: &Valid| {
        let day_before = event.date.yesterday().unwrap();
        let has_begun = with_session.iter().any(|other| {
            other.date == day_before
                && other.said.visit.session_id == event.said.visit.session_id
                && other.said.user_id == event.said.user_id
        });
        if has_begun { day_before } else { event.date }
    };
    let mut grains: BTreeMap<(Date, &str, &str), Vec<&'static str>> = BTreeMap::new();
    for event in &with_session {
        let key = (date_of(event), &*event.said.visit.session_id, &*event.said.user_id);
        grains.entry(key).or_default().push(event.said.event.name());
    }
    grains
        .into_iter()
        .map(|((date, _, user_id), event_names)| Session { date, user_id, event_names })
        .filter(|session| session.date <= last)
        .collect()
}

impl Session<'_> {
    fn count(&self, event_name: &str) -> u64 {
        self.event_names.iter().filter(|name| **name == event_name).count() as u64
    }
}

pub fn session_days(sessions: &[Session]) -> BTreeMap<Date, SessionTruth> {
    let dates: BTreeSet<Date> = sessions.iter().map(|session| session.date).collect();
    let truth = |date| {
        let of_date: Vec<_> = sessions.iter().filter(|session| session.date == date).collect();
        let sum = |name: &str| of_date.iter().map(|session| session.count(name)).sum();
        SessionTruth {
            session_count: of_date.len() as u64,
            event_count: of_date.iter().map(|session| session.event_names.len() as u64).sum(),
            product_view_count: sum("product_viewed"),
            cart_addition_count: sum("cart_item_added"),
            checkout_count: sum("checkout_started"),
            order_count: sum("order_placed"),
            payment_count: sum("payment_submitted"),
        }
    };
    dates.into_iter().map(|date| (date, truth(date))).collect()
}

pub fn funnel_days(sessions: &[Session]) -> BTreeMap<Date, BTreeMap<String, FunnelTruth>> {
    let steps = [
        ("catalogue", vec!["product_viewed"]),
        ("cart", vec!["product_viewed", "cart_item_added"]),
        ("checkout", vec!["product_viewed", "cart_item_added", "checkout_started"]),
        (
            "payments",
            vec!["product_viewed", "cart_item_added", "checkout_started", "payment_submitted"],
        ),
    ];
    let mut days: BTreeMap<Date, BTreeMap<String, FunnelTruth>> = BTreeMap::new();
    for date in sessions.iter().map(|session| session.date) {
        for (functionality, events) in &steps {
            let reaching: Vec<_> = sessions
                .iter()
                .filter(|session| session.date == date)
                .filter(|session| events.iter().all(|name| session.count(name) > 0))
                .collect();
            let users: BTreeSet<_> = reaching.iter().map(|session| session.user_id).collect();
            if !reaching.is_empty() {
                let truth = FunnelTruth {
                    session_count: reaching.len() as u64,
                    user_count: users.len() as u64,
                };
                days.entry(date).or_default().insert((*functionality).to_owned(), truth);
            }
        }
    }
    days
}
