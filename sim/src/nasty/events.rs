//! Nasty events of the app.

use super::{COUNTRIES, Calendar, PRODUCTS, Sent, USERS, breakage, instant_on, unsaid};
use crate::arrival::{Meaning, MobileEvent, Source, Visit};
use crate::events::Event;
use crate::json::Defect;
use crate::mobile_payload::{MobileFields, Properties};
use crate::random::Random;
use crate::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, MicrosUtc};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a phone's clock shows more than the right time.
const CLOCK_ERRORS: [i64; 6] =
    [0, 0, 0, MICROS_PER_HOUR, -7 * MICROS_PER_SECOND, 2 * MICROS_PER_DAY];

/// The way to a purchase, and what lies beside it.
const FUNNEL: [Event; 5] = [
    Event::ProductViewed,
    Event::CartItemAdded,
    Event::CheckoutStarted,
    Event::OrderPlaced,
    Event::PaymentSubmitted,
];
const BESIDE: [Event; 4] =
    [Event::AppOpened, Event::ChatOpened, Event::OrderFailed, Event::PaymentFailed];

/// From one step of a visit to the next.
const STEPS: [i64; 5] =
    [0, MICROS_PER_HOUR, 12 * MICROS_PER_HOUR, 12 * MICROS_PER_HOUR, MICROS_PER_DAY];

const SESSIONS: [&str; 6] = ["s0", "s0", "s0", "s1", "s/1 \"✓", ""];
const DEVICES: [&str; 5] = ["d0", "d0", "d1", "d/✓ '", ""];

/// A part of the app that the company does not know, and one that the phone does not say.
const ODD_FUNCTIONALITIES: [&str; 2] = ["wallet", UNKNOWN];
const UNKNOWN: &str = "unknown";

/// What an event says, but for its id; and when it happened, if the clock was not set since.
#[derive(Clone, Debug)]
struct Contents {
    event: Event,
    functionality: &'static str,
    user_id: &'static str,
    sequence: i64,
    occurred_at: MicrosUtc,
    event_at: MicrosUtc,
    visit: Arc<Visit>,
    product_id: Option<&'static str>,
}

/// Whose visit it is, on which phone.
#[derive(Clone, Copy, Debug)]
struct Visitor {
    user_id: &'static str,
    session_id: &'static str,
    device_id: &'static str,
}

impl Visitor {
    fn new(random: Random) -> Visitor {
        Visitor {
            user_id: random.stream("user").pick::<&'static str>(&USERS),
            session_id: random.stream("session").pick::<&'static str>(&SESSIONS),
            device_id: random.stream("device").pick::<&'static str>(&DEVICES),
        }
    }
}

/// The events of a set while it is made.
pub(super) struct Events {
    calendar: Calendar,
    attributes: Random,
    id_count: usize,
    /// The contents last sent under each event id.
    known: BTreeMap<String, Contents>,
    /// The ids and instants at which something has already arrived.
    taken: BTreeSet<(String, MicrosUtc)>,
}

impl Events {
    pub(super) fn new(calendar: Calendar, attributes: Random, id_count: usize) -> Events {
        let (known, taken) = (BTreeMap::new(), BTreeSet::new());
        Events { calendar, attributes, id_count, known, taken }
    }

    /// One event, perhaps one that was sent before, or the events of a visit.
    pub(super) fn add(&mut self, random: Random, sent: &mut Sent) {
        let arrived_at = self.calendar.arrived_at(random.stream("arrival"));
        let event_id = self.event_id(random.stream("id"));
        let clock_error = *random.stream("clock").pick(&CLOCK_ERRORS);
        let known = self.known.get(&event_id).filter(|_| random.stream("again").chance(500_000));
        if let Some(contents) = known.cloned() {
            // Sent again unchanged: mostly by the same clock, sometimes after it was set.
            let same = contents.occurred_at.0 - contents.event_at.0;
            let is_set = random.stream("set").chance(200_000)
                && self.is_possible(&contents.visit, contents.occurred_at.plus(-clock_error));
            let error = if is_set { clock_error } else { same };
            return self.send(random, &event_id, &contents, arrived_at, error, sent);
        }
        let offset = self.calendar.day_offset(random.stream("day"));
        let event_at = instant_on(arrived_at.day() + offset, random.stream("time"));
        let visitor = Visitor::new(random);
        if random.stream("visit").chance(250_000) {
            return self.add_visit(random, visitor, (event_at, arrived_at), sent);
        }
        let is_on_the_way = random.stream("on the way").chance(600_000);
        let event = *random.stream("name").pick(if is_on_the_way { &FUNNEL } else { &BESIDE });
        let contents = self.contents(random, event, visitor, event_at, clock_error);
        self.known.insert(event_id.clone(), contents.clone());
        self.send(random, &event_id, &contents, arrived_at, clock_error, sent);
    }

    /// Some steps on the way to a purchase, at times across midnights, by a right clock.
    fn add_visit(
        &mut self,
        random: Random,
        visitor: Visitor,
        (mut event_at, mut arrived_at): (MicrosUtc, MicrosUtc),
        sent: &mut Sent,
    ) {
        let first = random.stream("first").pick(&[0, 0, 1, 2]);
        let count = random.stream("count").index(4) + 2;
        for (index, event) in FUNNEL.iter().skip(*first).take(count).enumerate() {
            let random = random.at(index as u64);
            let event_id = self.event_id(random.stream("id"));
            let contents = self.contents(random, *event, visitor, event_at, 0);
            self.known.insert(event_id.clone(), contents.clone());
            self.send(random, &event_id, &contents, arrived_at, 0, sent);
            let step = *random.stream("step").pick(&STEPS);
            event_at = event_at.plus(step);
            // Mostly on time; what would come after the last day comes with what was before.
            let next_at = arrived_at.plus(step);
            if next_at.day() <= self.calendar.last_day() && random.stream("with it").chance(800_000)
            {
                arrived_at = next_at;
            }
        }
    }

    fn event_id(&self, random: Random) -> String {
        match random.index(self.id_count + 3) {
            0 if random.stream("empty").chance(500_000) => String::new(),
            0 | 1 => "é\"✓\\ \u{7f}\u{1F512}".to_owned(),
            2 => " e0 ".to_owned(),
            number => format!("e{}", number - 3),
        }
    }

    fn contents(
        &self,
        random: Random,
        event: Event,
        visitor: Visitor,
        event_at: MicrosUtc,
        clock_error: i64,
    ) -> Contents {
        let is_odd = random.stream("odd").chance(150_000);
        let odd = random.stream("functionality").pick::<&'static str>(&ODD_FUNCTIONALITIES);
        Contents {
            event,
            functionality: if is_odd { odd } else { event.functionality() },
            user_id: visitor.user_id,
            sequence: random.stream("sequence").between(0, 5),
            occurred_at: event_at.plus(clock_error),
            event_at,
            visit: Arc::new(self.visit(visitor.session_id, visitor.device_id, event_at)),
            product_id: Some(*random.stream("product").pick::<&'static str>(&PRODUCTS))
                .filter(|_| random.stream("has a product").chance(600_000)),
        }
    }

    /// A phone has one state at an instant: few different ones, so that they recur.
    fn visit(&self, session_id: &str, device_id: &str, event_at: MicrosUtc) -> Visit {
        let state = self.attributes.stream(device_id).at(event_at.0.cast_unsigned());
        Visit {
            session_id: session_id.to_owned(),
            device_id: device_id.to_owned(),
            app_version: (*state.stream("app").pick(&["1.0", "1.0", "1.0", "1.1", ""])).to_owned(),
            os: Cow::Borrowed(*state.stream("os").pick(&["android", "android", "ios", ""])),
            country_code: Cow::Borrowed(*state.stream("country").pick(&COUNTRIES)),
        }
    }

    fn is_possible(&self, visit: &Visit, event_at: MicrosUtc) -> bool {
        self.visit(&visit.session_id, &visit.device_id, event_at) == *visit
    }

    fn send(
        &mut self,
        random: Random,
        event_id: &str,
        contents: &Contents,
        mut arrived_at: MicrosUtc,
        clock_error: i64,
        sent: &mut Sent,
    ) {
        // One copy of an id at a time; away from the edge of the day, so that the load date stays.
        let is_morning = arrived_at.0.rem_euclid(MICROS_PER_DAY) < MICROS_PER_DAY / 2;
        let step = if is_morning { 1 } else { -1 };
        while !self.taken.insert((event_id.to_owned(), arrived_at)) {
            arrived_at = arrived_at.plus(step);
        }
        let mut messages = vec![event_message(random.stream("message"), event_id, contents)];
        if random.stream("twice").chance(100_000) {
            messages.push(messages[0].clone());
        }
        sent.push(Source::MobileEvents, arrived_at, arrived_at.plus(clock_error), messages);
    }
}

/// A message of the event. A broken one keeps its id, under which it must not count.
fn event_message(random: Random, event_id: &str, contents: &Contents) -> (Vec<u8>, Meaning) {
    let visit = &contents.visit;
    let fields = MobileFields {
        event_id,
        event_name: contents.event.name(),
        user_id: contents.user_id,
        device_id: &visit.device_id,
        session_id: &visit.session_id,
        sequence: contents.sequence,
        occurred_at: contents.occurred_at,
        functionality: contents.functionality,
        app_version: &visit.app_version,
        os: &visit.os,
        country_code: &visit.country_code,
        properties: Properties {
            product_id: contents.product_id.map(str::to_owned),
            quantity: Some(1),
            amount_micros: Some(-1),
            duration_ms: Some(0),
            ..Properties::default()
        },
    };
    let not_said = not_said(random.stream("not said"), contents);
    let is_keyless = event_id.is_empty() || contents.user_id.is_empty();
    let written = breakage::written(
        random,
        Source::MobileEvents,
        is_keyless,
        breakage::event_defects,
        |bytes, defects| fields.write(bytes, &[defects, &not_said].concat()),
    );
    let meaning = written.reason.map_or_else(
        || {
            Meaning::MobileEvent(MobileEvent {
                event_id: event_id.to_owned(),
                event: contents.event,
                functionality: contents.functionality.into(),
                user_id: contents.user_id.to_owned(),
                occurred_at: contents.occurred_at,
                product_id: contents.product_id.map(str::to_owned),
                visit: Arc::clone(visit),
            })
        },
        Meaning::Invalid,
    );
    (written.payload, meaning)
}

/// The fields that the payload does not say; an empty session or device it says at times.
fn not_said(random: Random, contents: &Contents) -> Vec<Defect> {
    let visit = &contents.visit;
    let is_written = random.stream("written").chance(500_000);
    let fields = [
        ("app_version", visit.app_version.is_empty()),
        ("os", visit.os.is_empty()),
        ("country_code", visit.country_code.is_empty()),
        ("functionality", contents.functionality == UNKNOWN),
        ("session_id", visit.session_id.is_empty() && !is_written),
        ("device_id", visit.device_id.is_empty() && !is_written),
    ];
    let empty = fields.into_iter().filter(|(_, is_empty)| *is_empty);
    empty.map(|(field, _)| unsaid(field, random)).collect()
}
