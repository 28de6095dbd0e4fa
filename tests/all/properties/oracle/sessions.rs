//! Visits to the app: one fact, and how far visits get on the way to a purchase.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};

use super::{
    Tables,
    activity::Marts,
    cells::{cells, said},
    meanings::{Event, Meanings},
};

/// The steps of the funnel: the part of the app, and the event that reaches it.
const STEPS: [(&str, &str); 4] = [
    ("catalogue", "product_viewed"),
    ("cart", "cart_item_added"),
    ("checkout", "checkout_started"),
    ("payments", "payment_submitted"),
];

/// The events of each visit: by its date, session and user.
pub type Sessions<'a> = BTreeMap<(Date, &'a str, &'a str), Vec<Event<'a>>>;

/// Cuts accepted events into visits. An event belongs to the visit of the day before if there was
/// one on that day.
pub fn sessions<'a>(meanings: &Meanings<'a>) -> Sessions<'a> {
    let visits = meanings.accepted_events.iter().filter_map(|event| {
        Some((said(&event.said.visit.session_id)?, event.said.user_id.as_str(), *event))
    });
    let visits: Vec<(&str, &str, Event<'_>)> = visits.collect();
    let mut sessions = Sessions::new();
    for (session, user, event) in &visits {
        let before = event.date() - 1.day();
        let began_before = visits.iter().any(|(other_session, other_user, other)| {
            (other_session, other_user, other.date()) == (session, user, before)
        });
        let date = if began_before { before } else { event.date() };
        sessions.entry((date, session, user)).or_default().push(*event);
    }
    sessions
}

fn count(events: &[Event<'_>], name: &str) -> usize {
    events.iter().filter(|event| event.said.event.name() == name).count()
}

/// Adds the fact.
pub fn add_fact(tables: &mut Tables, sessions: &Sessions<'_>) {
    for ((date, session, user), events) in sessions {
        let first = events.iter().map(|event| event.at).min();
        let last = events.iter().map(|event| event.at).max();
        let counts = [
            "product_viewed",
            "cart_item_added",
            "checkout_started",
            "order_placed",
            "payment_submitted",
        ]
        .map(|name| count(events, name).to_string());
        let head = cells![date, session, user, session, first, last, events.len()];
        tables.add("dimensional.fact_session", [head, counts.to_vec()].concat());
    }
}

/// Adds the mart.
pub fn add_funnel(tables: &mut Tables, sessions: &Sessions<'_>, marts: &Marts<'_>) {
    let dates: BTreeSet<Date> = sessions.keys().map(|(date, ..)| *date).collect();
    for date in dates.into_iter().filter(|date| *date <= marts.last_date) {
        let mut reached: Vec<(&str, &Vec<Event<'_>>)> = sessions
            .iter()
            .filter(|((of, ..), _)| *of == date)
            .map(|((_, _, user), events)| (*user, events))
            .collect();
        for (step, (functionality, event_name)) in (1_i64..).zip(STEPS) {
            let previous_count = reached.len();
            reached.retain(|(_, events)| count(events, event_name) > 0);
            let users: BTreeSet<&str> = reached.iter().map(|(user, _)| *user).collect();
            let head = cells![date, functionality, step, reached.len(), users.len()];
            let tail = cells![previous_count, marts.is_final(date)];
            tables.add("mart.funnel_by_functionality", [head, tail].concat());
        }
    }
}
