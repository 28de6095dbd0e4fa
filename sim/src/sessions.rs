//! When users visit the app, and what they do there: a Markov chain over the events of the app.

use crate::accounts::Accounts;
use crate::events::Event;
use crate::mobile_payload::Properties;
use crate::people::Person;
use crate::random::Random;
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, MicrosUtc};

/// A session has no more events than that.
pub(crate) const EVENTS_MAX: u64 = 60;

/// Two events of a session are no further apart than that.
const PAUSE_MAX: i64 = 55 * MICROS_PER_SECOND;

/// A session lasts no longer than that.
pub(crate) const SESSION_MAX: i64 = 60 * PAUSE_MAX;

/// How likely a visit begins in each local hour.
const HOUR_WEIGHTS: [u64; 24] =
    [2, 1, 0, 0, 0, 1, 3, 6, 8, 7, 6, 6, 8, 7, 6, 6, 6, 7, 8, 10, 12, 12, 9, 5];

/// The share of active days with that many visits, in percent. Their mean is 2.1.
const VISITS: [(u64, u64); 5] = [(1, 42), (2, 28), (3, 16), (4, 9), (5, 5)];

/// A visit to the app, before it is known what happens in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) day: i64,
    pub(crate) start_at: MicrosUtc,
    opening: Opening,
    /// Which visit of the day it is.
    ordinal: u64,
    pub(crate) random: Random,
}

/// How a visit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    SignUp,
    Profile,
    Ordinary,
}

/// Something that happened in a session, before it becomes a payload.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) event: Event,
    /// By a clock that is right.
    pub(crate) at: MicrosUtc,
    pub(crate) properties: Properties,
    /// The app's own counter.
    pub(crate) sequence: i64,
    pub(crate) random: Random,
}

/// The user's sessions that begin on that day, in order.
pub(crate) fn sessions_on(
    accounts: &Accounts,
    person: &Person,
    day: i64,
    usage_percent: u64,
    first_day: i64,
) -> Vec<Session> {
    let random = person.random.on(day);
    let mut openings = Vec::new();
    if person.signed_up_at.day() == day && day >= first_day {
        openings.push((person.signed_up_at, Opening::SignUp));
    }
    if let Some(changed_at) = accounts.changed_in_app_at(person, day) {
        // The change is made some taps after the app was opened.
        let start_at = changed_at.plus(-40 * MICROS_PER_SECOND);
        if openings.iter().all(|other| other.0.plus(SESSION_MAX) < start_at) {
            openings.push((start_at, Opening::Profile));
        }
    }
    if person.is_active_on(day, usage_percent) {
        for visit in 0..random.stream("visits").weighted(&VISITS) {
            let start_at = visit_at(person, day, random.stream("visit").at(visit));
            let free = openings.iter().all(|other| (other.0.0 - start_at.0).abs() > SESSION_MAX);
            if free && start_at > person.signed_up_at {
                openings.push((start_at, Opening::Ordinary));
            }
        }
    }
    openings.sort_by_key(|opening| opening.0);
    openings
        .into_iter()
        .zip(0..)
        .map(|((start_at, opening), ordinal)| {
            let random = random.stream("session").at(start_at.0.cast_unsigned());
            Session { day, start_at, opening, ordinal, random }
        })
        .collect()
}

/// An instant of the UTC day at which it is a good hour where the user lives.
fn visit_at(person: &Person, day: i64, random: Random) -> MicrosUtc {
    let total: u64 = HOUR_WEIGHTS.iter().sum();
    let mut rest = random.below(total);
    let mut local_hour = 0;
    for (hour, weight) in (0..).zip(HOUR_WEIGHTS) {
        if rest < weight {
            local_hour = hour;
            break;
        }
        rest -= weight;
    }
    let micros = local_hour * MICROS_PER_HOUR + random.at(1).between(0, MICROS_PER_HOUR - 1)
        - person.country.offset_minutes * MICROS_PER_MINUTE;
    MicrosUtc::start_of(day).plus(micros.rem_euclid(24 * MICROS_PER_HOUR))
}

impl Session {
    pub(crate) fn session_id(&self) -> String {
        format!("s{:016x}", self.random.stream("id").bits())
    }

    /// What the user does in the session.
    pub(crate) fn actions(&self, person: &Person) -> Vec<Action> {
        let mut walk = Walk {
            person,
            random: self.random.stream("walk"),
            at: self.start_at,
            // Sequences of a day follow those of the day before; numbers between are left out.
            sequence: ((self.day - person.signed_up_at.day()) * 8 + self.ordinal.cast_signed())
                * 64,
            count: 0,
            cart_micros: 0,
            product: None,
            order: None,
            actions: Vec::with_capacity(12),
        };
        match self.opening {
            Opening::SignUp => {
                walk.at = self.start_at.plus(walk.random.between(1, 4 * MICROS_PER_SECOND));
                walk.act(Event::SignedUp);
                walk.act(Event::OnboardingCompleted);
                walk.stroll(Event::AppOpened);
            }
            Opening::Profile => {
                walk.act(Event::AppOpened);
                walk.at = self.start_at.plus(20 * MICROS_PER_SECOND);
                walk.act(Event::ProfileViewed);
                walk.at = self.start_at.plus(41 * MICROS_PER_SECOND);
                walk.stroll(Event::ProfileUpdated);
            }
            Opening::Ordinary if walk.random.chance(180_000) => {
                walk.act(Event::NotificationOpened);
                walk.stroll(Event::AppOpened);
            }
            Opening::Ordinary => walk.stroll(Event::AppOpened),
        }
        walk.actions.retain(|action| action.at < person.deleted_at);
        walk.actions
    }
}

/// What follows an event, with weights; nothing means that the user leaves.
const fn next(event: Event) -> &'static [(Option<Event>, u64)] {
    use Event as E;
    match event {
        E::SignedUp | E::OnboardingCompleted | E::NotificationOpened => {
            &[(Some(E::AppOpened), 90), (None, 10)]
        }
        E::AppOpened => &[
            (Some(E::FeedScrolled), 50),
            (Some(E::SearchPerformed), 16),
            (Some(E::ProductViewed), 10),
            (Some(E::ChatOpened), 10),
            (Some(E::ProfileViewed), 4),
            (None, 10),
        ],
        E::FeedScrolled => &[
            (Some(E::FeedScrolled), 38),
            (Some(E::ProductViewed), 26),
            (Some(E::SearchPerformed), 9),
            (Some(E::ChatOpened), 6),
            (None, 21),
        ],
        E::SearchPerformed => {
            &[(Some(E::SearchResultOpened), 66), (Some(E::SearchPerformed), 18), (None, 16)]
        }
        E::SearchResultOpened => &[(Some(E::ProductViewed), 85), (None, 15)],
        E::ProductViewed => &[
            (Some(E::ProductViewed), 34),
            (Some(E::CartItemAdded), 17),
            (Some(E::FeedScrolled), 20),
            (Some(E::SearchPerformed), 9),
            (None, 20),
        ],
        E::CartItemAdded => &[
            (Some(E::CheckoutStarted), 30),
            (Some(E::ProductViewed), 40),
            (Some(E::CartItemRemoved), 10),
            (None, 20),
        ],
        E::CartItemRemoved => &[(Some(E::ProductViewed), 60), (None, 40)],
        E::CheckoutStarted => &[(Some(E::OrderPlaced), 72), (None, 28)],
        E::OrderPlaced => &[(Some(E::PaymentSubmitted), 96), (None, 4)],
        E::PaymentSubmitted => {
            &[(Some(E::PaymentFailed), 7), (Some(E::FeedScrolled), 33), (None, 60)]
        }
        E::PaymentFailed => &[(Some(E::PaymentSubmitted), 65), (None, 35)],
        E::ChatOpened | E::MessageSent => {
            &[(Some(E::MessageSent), 66), (Some(E::FeedScrolled), 10), (None, 24)]
        }
        E::ProfileViewed | E::ProfileUpdated => &[(Some(E::FeedScrolled), 45), (None, 55)],
    }
}

/// A walk through the app, and what the user holds meanwhile.
struct Walk<'a> {
    person: &'a Person,
    random: Random,
    at: MicrosUtc,
    sequence: i64,
    count: u64,
    cart_micros: i64,
    /// The product in view: its number and price.
    product: Option<(u64, i64)>,
    order: Option<(String, i64)>,
    actions: Vec<Action>,
}

impl Walk<'_> {
    /// Does that, and then what comes to the user's mind, until it is enough.
    fn stroll(&mut self, first: Event) {
        let mut event = first;
        loop {
            self.act(event);
            let choice = self.random.at(self.count).stream("next").weighted(next(event));
            match choice {
                Some(_) if self.count >= EVENTS_MAX => break,
                Some(following) => event = following,
                None => break,
            }
        }
    }

    fn act(&mut self, event: Event) {
        let random = self.random.at(self.count);
        let properties = self.properties(event, random.stream("properties"));
        self.actions.push(Action {
            event,
            at: self.at,
            properties,
            sequence: self.sequence + self.count.cast_signed(),
            random: random.stream("message"),
        });
        self.count += 1;
        self.at = self.at.plus(random.stream("pause").long_tailed(MICROS_PER_SECOND, PAUSE_MAX));
    }

    fn properties(&mut self, event: Event, random: Random) -> Properties {
        match event {
            Event::FeedScrolled => Properties {
                duration_ms: Some(random.long_tailed(200, 60_000)),
                ..Properties::default()
            },
            Event::ProductViewed => {
                let product = random.long_tailed(1, 200_000).cast_unsigned();
                let price_cents = Random::new(product).stream("price").long_tailed(100, 30_000);
                self.product =
                    Some((product, price_cents * 100 * self.person.country.price_percent));
                Properties { product_id: self.product_id(), ..Properties::default() }
            }
            Event::CartItemAdded => {
                let quantity = random.weighted(&[(1, 85), (2, 11), (3, 4)]);
                self.cart_micros += quantity * self.product.map_or(0, |product| product.1);
                Properties {
                    product_id: self.product_id(),
                    quantity: Some(quantity),
                    ..Properties::default()
                }
            }
            Event::CartItemRemoved => {
                self.cart_micros = 0;
                Properties { product_id: self.product_id(), ..Properties::default() }
            }
            Event::OrderPlaced => {
                let order_id = format!("o{:016x}", random.bits());
                self.order = Some((order_id, self.cart_micros));
                self.order_properties()
            }
            Event::PaymentSubmitted | Event::PaymentFailed => self.order_properties(),
            _ => Properties::default(),
        }
    }

    fn product_id(&self) -> Option<String> {
        self.product.map(|product| format!("p{}", product.0))
    }

    fn order_properties(&self) -> Properties {
        let Some((order_id, amount_micros)) = &self.order else {
            return Properties::default();
        };
        Properties {
            order_id: Some(order_id.clone()),
            amount_micros: Some(*amount_micros),
            currency_code: Some(self.person.country.currency_code),
            ..Properties::default()
        }
    }
}
