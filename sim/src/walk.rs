//! What users do in a visit to the app: a Markov chain over its events, which a user who comes in
//! order to buy is led through from the first product to the payment.

use crate::catalogue::product_id;
use crate::events::Event;
use crate::mobile_payload::Properties;
use crate::people::Person;
use crate::purchases::{Attempt, Purchase, order_id};
use crate::random::Random;
use crate::sessions::{Opening, Session, purchase_seed};
use crate::shop::Shop;
use crate::time::{MICROS_PER_SECOND, MicrosUtc};

/// A session has no more events than that, and those of its opening.
pub(crate) const EVENTS_MAX: u64 = 60;

/// Two events of a session are no closer and no further apart than that.
pub(crate) const PAUSE_MIN: i64 = MICROS_PER_SECOND;
const PAUSE_MAX: i64 = 55 * MICROS_PER_SECOND;

/// A session lasts no longer than that.
pub(crate) const SESSION_MAX: i64 = 60 * PAUSE_MAX;

/// Who buys has that many products in the cart, in percent.
const CART_SIZES: [(u64, u64); 4] = [(1, 46), (2, 30), (3, 16), (4, 8)];

/// How many of a product somebody wants, in percent.
const QUANTITIES: [(i64, u64); 3] = [(1, 82), (2, 13), (3, 5)];

/// A user in whose cart one thing more than wanted lands and is taken out again, in millionths.
const CHANGES_MIND_PARTS: u64 = 120_000;

/// After an error of the shop so many try again, in millionths.
const TRIES_AGAIN_PARTS: u64 = 700_000;

/// Nobody tries more often than that to order, or to pay.
const ATTEMPTS_MAX: u64 = 3;

/// Something that happened in a session, before it becomes a payload.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) event: Event,
    /// By a clock that is right.
    pub(crate) at: MicrosUtc,
    /// The app's own counter.
    pub(crate) sequence: i64,
    pub(crate) random: Random,
    details: Details,
}

/// What only some events have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Details {
    None,
    Duration { duration_ms: i64 },
    Product { number: u64 },
    Chosen { number: u64, quantity: i64 },
    Order { order: u64, amount_micros: i64 },
}

/// All that happened in a session.
#[derive(Clone, Debug)]
pub(crate) struct Visited {
    pub(crate) actions: Vec<Action>,
    /// What was ordered, if the user came for that and succeeded.
    pub(crate) purchase: Option<Purchase>,
}

impl Action {
    pub(crate) fn properties(&self, person: &Person) -> Properties {
        let none = Properties::default();
        match self.details {
            Details::None => none,
            Details::Duration { duration_ms } => {
                Properties { duration_ms: Some(duration_ms), ..none }
            }
            Details::Product { number } => {
                Properties { product_id: Some(product_id(number)), ..none }
            }
            Details::Chosen { number, quantity } => Properties {
                product_id: Some(product_id(number)),
                quantity: Some(quantity),
                ..none
            },
            Details::Order { order, amount_micros } => Properties {
                order_id: Some(order_id(order)),
                amount_micros: Some(amount_micros),
                currency_code: Some(person.country.currency_code),
                ..none
            },
        }
    }
}

impl Session {
    /// What the user does in the session.
    pub(crate) fn walk(&self, person: &Person, shop: &Shop) -> Visited {
        let mut walk = Walk {
            person,
            shop,
            random: self.random.stream("walk"),
            at: self.start_at,
            // Sequences of a day follow those of the day before; numbers between are left out.
            sequence: ((self.day - person.signed_up_at.day()) * 8 + self.ordinal.cast_signed())
                * 64,
            purchase_seed: purchase_seed(person, self.day),
            count: 0,
            product: 1,
            cart: Vec::new(),
            order: Details::None,
            actions: Vec::with_capacity(12),
        };
        let mut purchase = None;
        let mut next = walk.open(self.opening, self.start_at);
        if self.buys {
            walk.act(next);
            purchase = walk.buy();
            next = Event::FeedScrolled;
        }
        if !self.buys || walk.random.stream("stays").chance(350_000) {
            walk.stroll(next);
        }
        walk.actions.retain(|action| action.at < person.deleted_at);
        Visited { actions: walk.actions, purchase }
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
            (Some(E::CartItemAdded), 15),
            (Some(E::FeedScrolled), 20),
            (Some(E::SearchPerformed), 9),
            (None, 22),
        ],
        E::CartItemAdded => &[
            (Some(E::CheckoutStarted), 14),
            (Some(E::ProductViewed), 44),
            (Some(E::CartItemRemoved), 12),
            (None, 30),
        ],
        E::CartItemRemoved => &[(Some(E::ProductViewed), 60), (None, 40)],
        E::ChatOpened | E::MessageSent => {
            &[(Some(E::MessageSent), 66), (Some(E::FeedScrolled), 10), (None, 24)]
        }
        E::ProfileViewed | E::ProfileUpdated => &[(Some(E::FeedScrolled), 45), (None, 55)],
        // Who only strolled there leaves; those who buy are led.
        E::CheckoutStarted
        | E::OrderFailed
        | E::OrderPlaced
        | E::PaymentSubmitted
        | E::PaymentFailed => &[(None, 1)],
    }
}

/// A walk through the app, and what the user holds meanwhile.
struct Walk<'a> {
    person: &'a Person,
    shop: &'a Shop,
    random: Random,
    purchase_seed: Random,
    at: MicrosUtc,
    sequence: i64,
    count: u64,
    /// The product in view.
    product: u64,
    /// Products, and how many of each.
    cart: Vec<(u64, i64)>,
    /// What events about the order say.
    order: Details,
    actions: Vec<Action>,
}

impl Walk<'_> {
    /// The first events of a visit, and the one that is to follow.
    fn open(&mut self, opening: Opening, start_at: MicrosUtc) -> Event {
        match opening {
            Opening::SignUp => {
                self.at = start_at.plus(self.random.between(1, 4 * MICROS_PER_SECOND));
                self.act(Event::SignedUp);
                self.act(Event::OnboardingCompleted);
                Event::AppOpened
            }
            Opening::Profile => {
                self.act(Event::AppOpened);
                self.at = start_at.plus(20 * MICROS_PER_SECOND);
                self.act(Event::ProfileViewed);
                self.at = start_at.plus(41 * MICROS_PER_SECOND);
                Event::ProfileUpdated
            }
            Opening::Ordinary if self.random.chance(180_000) => {
                self.act(Event::NotificationOpened);
                Event::AppOpened
            }
            Opening::Ordinary => Event::AppOpened,
        }
    }

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

    /// Fills the cart, orders and pays. There is no purchase if the shop failed once too often.
    fn buy(&mut self) -> Option<Purchase> {
        let random = self.purchase_seed.stream("session");
        for line in 0..random.stream("lines").weighted(&CART_SIZES) {
            self.choose(random.at(line));
        }
        if random.stream("mind").chance(CHANGES_MIND_PARTS) {
            self.choose(random.stream("too much"));
            if self.cart.len() > 1 {
                self.act(Event::CartItemRemoved);
            }
        }
        self.act(Event::CheckoutStarted);
        let commerce = self.shop.commerce;
        for attempt in 0..ATTEMPTS_MAX {
            let trial = random.stream("attempt").at(attempt);
            if !trial.chance(u64::from(commerce.orders_rolled_back.0)) {
                return Some(self.order_and_pay(random));
            }
            self.act(Event::OrderFailed);
            if !trial.stream("again").chance(TRIES_AGAIN_PARTS) {
                break;
            }
        }
        None
    }

    /// Looks for a product, and puts it into the cart.
    fn choose(&mut self, random: Random) {
        let way: &[Event] = random.weighted(&[
            (&[Event::FeedScrolled][..], 35),
            (&[Event::SearchPerformed, Event::SearchResultOpened][..], 35),
            (&[][..], 30),
        ]);
        for event in way {
            self.act(*event);
        }
        self.act(Event::ProductViewed);
        self.act(Event::CartItemAdded);
    }

    fn order_and_pay(&mut self, random: Random) -> Purchase {
        let commerce = self.shop.commerce;
        let bill = self.shop.bill(&self.cart, self.at, self.person.country, random.stream("bill"));
        let order = random.stream("order").bits();
        self.order = Details::Order { order, amount_micros: bill.amount_micros() };
        let placed_at = self.act(Event::OrderPlaced);
        self.cart.clear();
        let is_abandoned = random.stream("abandoned").chance(commerce.orders_abandoned.0.into());
        let attempts = if is_abandoned { Vec::new() } else { self.pay(random) };
        Purchase { order, bill, placed_at, attempts, random: self.purchase_seed }
    }

    /// Tries to pay until it succeeds or the user has had enough.
    fn pay(&mut self, random: Random) -> Vec<Attempt> {
        let failing_parts = self.shop.commerce.payments_failed.0.into();
        let mut attempts = Vec::new();
        for number in 0..ATTEMPTS_MAX {
            let trial = random.stream("payment").at(number);
            let submitted_at = self.act(Event::PaymentSubmitted);
            let fails = trial.chance(failing_parts);
            let failed_at = fails.then(|| self.act(Event::PaymentFailed));
            attempts.push(Attempt { submitted_at, failed_at });
            if !fails || !trial.stream("again").chance(TRIES_AGAIN_PARTS) {
                break;
            }
        }
        attempts
    }

    /// Does that, and says when it was.
    fn act(&mut self, event: Event) -> MicrosUtc {
        let random = self.random.at(self.count);
        let details = self.details(event, random.stream("properties"));
        let at = self.at;
        self.actions.push(Action {
            event,
            at,
            details,
            sequence: self.sequence + self.count.cast_signed(),
            random: random.stream("message"),
        });
        self.count += 1;
        self.at = self.at.plus(random.stream("pause").long_tailed(PAUSE_MIN, PAUSE_MAX));
        at
    }

    fn details(&mut self, event: Event, random: Random) -> Details {
        match event {
            Event::FeedScrolled => {
                Details::Duration { duration_ms: random.long_tailed(200, 60_000) }
            }
            Event::ProductViewed => {
                self.product = self.shop.assortment.pick(random, self.at);
                Details::Product { number: self.product }
            }
            Event::CartItemAdded => {
                let quantity = random.weighted(&QUANTITIES);
                match self.cart.iter_mut().find(|line| line.0 == self.product) {
                    Some(line) => line.1 += quantity,
                    None => self.cart.push((self.product, quantity)),
                }
                Details::Chosen { number: self.product, quantity }
            }
            Event::CartItemRemoved => {
                let (number, quantity) = self.cart.remove(random.index(self.cart.len()));
                Details::Chosen { number, quantity }
            }
            Event::OrderPlaced | Event::PaymentSubmitted | Event::PaymentFailed => self.order,
            _ => Details::None,
        }
    }
}
