//! Small sets of messages in which everything that is hard comes close together: for random tests
//! of a pipeline, whose constants may then be days instead of weeks.
//!
//! A few users and event ids are used over and over, at times on the edges of days, of the
//! lookback and of the limits. What is left out is what has no right answer: two copies of an id
//! with different contents at the same instant, and two states of a row under one
//! (`committed_at`, `lsn`). Contents may differ there in what the truth does not look at.

use crate::arrival::{
    Arrival, Meaning, Message, MobileEvent, Operation, Outcome, RejectReason, RowChange, Source,
    Visit,
};
use crate::database_payload::ChangeFields;
use crate::events::Event;
use crate::json::Defect;
use crate::mobile_payload::{MobileFields, Properties};
use crate::phone::{not_utf8, truncated};
use crate::random::Random;
use crate::rows::{Row, UserRow};
use crate::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_SECOND, MicrosUtc, date_of, day_of};
use crate::truth::Limits;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// 2026-01-01, the first load date.
const FIRST_DAY: i64 = 20_454;

/// Times of the day at which things happen: its first and its last microsecond among them.
const TIMES: [i64; 5] =
    [0, MICROS_PER_HOUR, 5 * MICROS_PER_HOUR, 12 * MICROS_PER_HOUR, MICROS_PER_DAY - 1];

/// What a phone's clock shows more than the right time.
const CLOCK_ERRORS: [i64; 6] =
    [0, 0, 0, MICROS_PER_HOUR, -7 * MICROS_PER_SECOND, 2 * MICROS_PER_DAY];

const USERS: [&str; 6] = ["u0", "u1", "u2", "u3", "ü✓ 用户", ""];

const EVENTS: [Event; 4] =
    [Event::AppOpened, Event::ProductViewed, Event::CartItemAdded, Event::ChatOpened];

/// A set of about `size` messages, in the order of (`arrived_at`, `lane`). The first load date is
/// 2026-01-01, the last four to eight days later. Each arrival has a lane of its own.
pub fn nasty(seed: u64, limits: Limits, size: usize) -> Vec<Arrival> {
    nasty_from(date_of(FIRST_DAY), seed, limits, size)
}

/// The same with another first load date: together with a set of other dates, messages of days long
/// past.
pub fn nasty_from(first_date: Date, seed: u64, limits: Limits, size: usize) -> Vec<Arrival> {
    let random = Random::new(seed).stream("nasty");
    let mut set = Set {
        limits,
        first_day: day_of(first_date),
        days: random.stream("days").between(4, 8),
        id_count: (size / 3).max(2),
        arrivals: Vec::new(),
        events: BTreeMap::new(),
        taken: BTreeSet::new(),
        rows: BTreeMap::new(),
    };
    for index in 0..size as u64 {
        let random = random.at(index);
        if random.stream("source").chance(600_000) {
            set.add_event(random.stream("event"));
        } else {
            set.add_change(random.stream("change"));
        }
    }
    set.arrivals.sort_by_key(|arrival| (arrival.arrived_at, arrival.lane));
    set.arrivals
}

/// The set while it is made.
struct Set {
    limits: Limits,
    first_day: i64,
    days: i64,
    id_count: usize,
    arrivals: Vec<Arrival>,
    /// The contents last sent under each event id, and the instant at which it happened.
    events: BTreeMap<String, (Contents, MicrosUtc)>,
    /// The ids and instants at which something has already arrived.
    taken: BTreeSet<(String, MicrosUtc)>,
    /// The state of a row under each (user, commit, lsn).
    rows: BTreeMap<(String, MicrosUtc, i64), (Operation, Option<UserRow>)>,
}

/// What an event says, but for its id.
#[derive(Clone, Debug)]
struct Contents {
    event: Event,
    user_id: &'static str,
    sequence: i64,
    occurred_at: MicrosUtc,
}

impl Set {
    /// An instant on a load date.
    fn arrived_at(&self, random: Random) -> MicrosUtc {
        MicrosUtc::start_of(self.first_day + random.at(0).between(0, self.days - 1))
            .plus(*random.at(1).pick(&TIMES))
    }

    /// A number of days after the load date, on the edges of what is allowed.
    fn day_offset(&self, random: Random) -> i64 {
        let lateness = i64::from(self.limits.max_lateness_days);
        let skew = i64::from(self.limits.max_skew_days);
        *random.pick(&[0, 0, 0, 0, -1, -1, -2, -3, -lateness, -lateness - 1, skew, skew + 1, 1])
    }

    fn event_id(&self, random: Random) -> String {
        match random.index(self.id_count + 3) {
            0 => String::new(),
            1 => "é\"✓\\ \u{7f}\u{1F512}".to_owned(),
            2 => " e0 ".to_owned(),
            number => format!("e{}", number - 3),
        }
    }

    fn add_event(&mut self, random: Random) {
        let event_id = self.event_id(random.stream("id"));
        let mut arrived_at = self.arrived_at(random.stream("arrival"));
        // One copy of an id at a time; away from the edge of the day, so that the load date stays.
        let is_morning = arrived_at.0.rem_euclid(MICROS_PER_DAY) < MICROS_PER_DAY / 2;
        let step = if is_morning { 1 } else { -1 };
        while !self.taken.insert((event_id.clone(), arrived_at)) {
            arrived_at = arrived_at.plus(step);
        }
        let clock_error = *random.stream("clock").pick(&CLOCK_ERRORS);
        let known = self.events.get(&event_id).filter(|_| random.stream("again").chance(600_000));
        let contents = if let Some((contents, event_at)) = known {
            // Sent again unchanged: mostly by the same clock, sometimes after it was set.
            let by_the_same_clock = random.stream("same clock").chance(800_000);
            let error = contents.occurred_at.0 - event_at.0;
            let error = if by_the_same_clock { error } else { clock_error };
            let contents = contents.clone();
            self.send_event(random, &event_id, &contents, arrived_at, error);
            return;
        } else {
            let day = arrived_at.day() + self.day_offset(random.stream("day"));
            let event_at = MicrosUtc::start_of(day).plus(*random.stream("time").pick(&TIMES));
            let contents = Contents {
                event: *random.stream("name").pick(&EVENTS),
                user_id: random.stream("user").pick::<&'static str>(&USERS),
                sequence: random.stream("sequence").between(0, 5),
                occurred_at: event_at.plus(clock_error),
            };
            self.events.insert(event_id.clone(), (contents.clone(), event_at));
            contents
        };
        self.send_event(random, &event_id, &contents, arrived_at, clock_error);
    }

    fn send_event(
        &mut self,
        random: Random,
        event_id: &str,
        contents: &Contents,
        arrived_at: MicrosUtc,
        clock_error: i64,
    ) {
        let mut messages = vec![event_message(random.stream("message"), event_id, contents)];
        if random.stream("twice").chance(100_000) {
            messages.push(messages[0].clone());
        }
        let sent_at = arrived_at.plus(clock_error);
        self.push(Source::MobileEvents, arrived_at, sent_at, messages);
    }

    fn add_change(&mut self, random: Random) {
        let arrived_at = self.arrived_at(random.stream("arrival"));
        let offset = match self.day_offset(random.stream("day")) {
            early if early < -1 && random.stream("recent").chance(500_000) => 0,
            offset => offset,
        };
        let committed_at = MicrosUtc::start_of(arrived_at.day() + offset)
            .plus(*random.stream("time").pick(&TIMES));
        let user_id = *random.stream("user").pick(&USERS);
        let lsn = random.stream("lsn").between(0, 11);
        let state = self.row(random.stream("row"), user_id, committed_at, lsn);
        let message = change_message(random.stream("message"), user_id, committed_at, lsn, state);
        self.push(Source::DbUsers, arrived_at, arrived_at, vec![message.clone()]);
        if random.stream("redelivered").chance(300_000) {
            let days = random.stream("redelivered on").between(0, 2);
            let last_day = self.first_day + self.days - 1;
            let again_at = MicrosUtc::start_of((arrived_at.day() + days).min(last_day))
                .plus(*random.stream("redelivered at").pick(&TIMES));
            self.push(Source::DbUsers, again_at, again_at, vec![message]);
        }
    }

    /// The state of the row after the change: under a known (commit, lsn) the known state, perhaps
    /// with another address, which leaves the truth as it is.
    fn row(
        &mut self,
        random: Random,
        user_id: &str,
        committed_at: MicrosUtc,
        lsn: i64,
    ) -> (Operation, Option<UserRow>) {
        let email = random.stream("email").pick(&["", "a@example.com", "ü@example.com"]);
        let first_day = self.first_day;
        let known = self.rows.entry((user_id.to_owned(), committed_at, lsn)).or_insert_with(|| {
            let operation = *random.stream("operation").pick(&[
                Operation::Snapshot,
                Operation::Insert,
                Operation::Update,
                Operation::Update,
                Operation::Delete,
            ]);
            let row = UserRow {
                user_id: user_id.to_owned(),
                signed_up_at: signed_up_at(random, first_day, user_id, committed_at),
                country_code: "NL".to_owned(),
                plan: (*random.stream("plan").pick(&["free", "plus"])).to_owned(),
                marketing_opt_in: random.stream("opt in").chance(200_000),
                email: String::new(),
                phone_number: None,
            };
            (operation, Some(row).filter(|_| operation != Operation::Delete))
        });
        let mut state = known.clone();
        if let Some(row) = &mut state.1 {
            (*email).clone_into(&mut row.email);
        }
        state
    }

    fn push(
        &mut self,
        source: Source,
        arrived_at: MicrosUtc,
        sent_at: MicrosUtc,
        messages: Vec<Message>,
    ) {
        let lane = self.arrivals.len() as u64 + 1;
        let outcome = Outcome::Acknowledged;
        self.arrivals.push(Arrival { source, lane, arrived_at, sent_at, messages, outcome });
    }
}

/// Mostly the same of a user, so that states recur.
fn signed_up_at(
    random: Random,
    first_day: i64,
    user_id: &str,
    committed_at: MicrosUtc,
) -> MicrosUtc {
    if random.stream("moved sign-up").chance(200_000) {
        let day = committed_at.day() + random.stream("since").pick(&[0, 0, -1, -40, 1]);
        return MicrosUtc::start_of(day).plus(*random.stream("at").pick(&TIMES));
    }
    let user = Random::new(0).stream(user_id);
    let day = first_day + user.stream("since").pick(&[0, 1, 3, -40]);
    MicrosUtc::start_of(day).plus(*user.stream("at").pick(&TIMES))
}

/// The reason, of a message that has an empty text in a required key: that is a missing key, and
/// comes before whatever else is wrong with what could be read.
fn reason_of_keyless(reason: RejectReason, is_keyless: bool) -> RejectReason {
    match reason {
        RejectReason::NotUtf8 | RejectReason::NotJson => reason,
        _ if is_keyless => RejectReason::MissingKey,
        _ => reason,
    }
}

/// A message of the event, in one of six cases broken. A broken one keeps its id, under which it
/// must not count.
fn event_message(random: Random, event_id: &str, contents: &Contents) -> Message {
    let visit = Visit {
        session_id: String::new(),
        device_id: "d0".to_owned(),
        app_version: "1.0".to_owned(),
        os: "android",
        country_code: "NL",
    };
    let fields = MobileFields {
        event_id,
        event_name: contents.event.name(),
        user_id: contents.user_id,
        device_id: &visit.device_id,
        session_id: &visit.session_id,
        sequence: contents.sequence,
        occurred_at: contents.occurred_at,
        functionality: contents.event.functionality(),
        app_version: &visit.app_version,
        os: visit.os,
        country_code: visit.country_code,
        properties: Properties {
            product_id: Some("p\"1\"".to_owned()),
            quantity: Some(1),
            amount_micros: Some(-1),
            duration_ms: Some(0),
            ..Properties::default()
        },
    };
    let is_keyless = event_id.is_empty() || contents.user_id.is_empty();
    let defect = random.stream("defect");
    let (payload, reason) = match random.stream("kind").below(30) {
        0 => (broken_encoding(fields.to_bytes(&[]), defect), RejectReason::NotUtf8),
        1 => (broken_json(&fields.to_bytes(&[]), defect), RejectReason::NotJson),
        2 => (fields.to_bytes(missing_key(defect)), RejectReason::MissingKey),
        3 => (fields.to_bytes(wrong_type(defect)), RejectReason::WrongType),
        4 => (fields.to_bytes(unknown_event(defect)), RejectReason::UnknownEvent),
        _ if is_keyless => (fields.to_bytes(&[]), RejectReason::MissingKey),
        _ => {
            let meaning = Meaning::MobileEvent(MobileEvent {
                event_id: event_id.to_owned(),
                event_name: contents.event.name(),
                functionality: contents.event.functionality(),
                user_id: contents.user_id.to_owned(),
                occurred_at: contents.occurred_at,
                visit: Arc::new(visit.clone()),
            });
            return Message { payload: fields.to_bytes(&[]), meaning };
        }
    };
    Message { payload, meaning: Meaning::Invalid(reason_of_keyless(reason, is_keyless)) }
}

/// A message of the change, in one of six cases broken.
fn change_message(
    random: Random,
    user_id: &str,
    committed_at: MicrosUtc,
    lsn: i64,
    (operation, after): (Operation, Option<UserRow>),
) -> Message {
    let before = match operation {
        Operation::Snapshot | Operation::Insert => None,
        Operation::Update => after.clone(),
        Operation::Delete => Some(UserRow {
            user_id: user_id.to_owned(),
            signed_up_at: committed_at,
            country_code: "NL".to_owned(),
            plan: "free".to_owned(),
            marketing_opt_in: false,
            email: String::new(),
            phone_number: None,
        }),
    };
    let fields = ChangeFields {
        operation: operation.name(),
        lsn,
        transaction_id: "t1".to_owned(),
        committed_at,
        before: before.map(Row::User),
        after: after.map(Row::User),
    };
    let defect = random.stream("defect");
    let (payload, reason) = match random.stream("kind").below(30) {
        0 => (broken_encoding(fields.to_bytes(&[]), defect), RejectReason::NotUtf8),
        1 => (broken_json(&fields.to_bytes(&[]), defect), RejectReason::NotJson),
        2 => (fields.to_bytes(missing_key_of_change(defect)), RejectReason::MissingKey),
        3 => {
            let defects = wrong_type_of_change(defect, fields.after.is_some());
            (fields.to_bytes(defects), RejectReason::WrongType)
        }
        4 => (fields.to_bytes(unknown_operation(defect)), RejectReason::UnknownOperation),
        _ if user_id.is_empty() => (fields.to_bytes(&[]), RejectReason::MissingKey),
        _ => {
            let meaning = Meaning::RowChange(RowChange {
                source: Source::DbUsers,
                key: user_id.to_owned(),
                operation,
                lsn,
                committed_at,
                row: fields.after.clone(),
                identity: fields.identity(),
            });
            return Message { payload: fields.to_bytes(&[]), meaning };
        }
    };
    let reason = reason_of_keyless(reason, user_id.is_empty());
    Message { payload, meaning: Meaning::Invalid(reason) }
}

/// Not UTF-8, and sometimes not JSON either: the encoding is the reason.
fn broken_encoding(payload: Vec<u8>, random: Random) -> Vec<u8> {
    match random.at(0).below(3) {
        0 => vec![0xFF],
        1 => not_utf8(truncated(payload, random.at(1)), random.at(2)),
        _ => not_utf8(payload, random.at(1)),
    }
}

fn broken_json(payload: &[u8], random: Random) -> Vec<u8> {
    match random.at(0).below(4) {
        0 => Vec::new(),
        1 => b"not json".to_vec(),
        2 => [payload, b"}"].concat(),
        // All but the last byte, so that no character is cut in two.
        _ => payload[..payload.len() - 1].to_vec(),
    }
}

/// Whatever else is wrong, a missing key comes first. An empty text is no key.
fn missing_key(random: Random) -> &'static [Defect] {
    const CASES: [&[Defect]; 9] = [
        &[Defect::Instead("event_name", "\"\"")],
        &[Defect::Instead("sequence", "\"\"")],
        &[Defect::Instead("occurred_at", "\"\""), Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Missing("event_id")],
        &[Defect::Null("user_id")],
        &[Defect::Missing("sequence"), Defect::Instead("event_name", "\"screen_blinked\"")],
        &[Defect::Missing("occurred_at"), Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Missing("event_name")],
        &[Defect::Null("event_id"), Defect::Instead("quantity", "\"two\"")],
    ];
    CASES[random.index(CASES.len())]
}

fn wrong_type(random: Random) -> &'static [Defect] {
    const CASES: [&[Defect]; 6] = [
        &[Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Instead("sequence", "1.5")],
        &[Defect::Instead("occurred_at", "\"yesterday\"")],
        &[Defect::Instead("quantity", "\"two\"")],
        &[Defect::Instead("amount_micros", "true")],
        &[Defect::Instead("duration_ms", "\"\""), Defect::Instead("event_name", "\"blink\"")],
    ];
    CASES[random.index(CASES.len())]
}

fn unknown_event(random: Random) -> &'static [Defect] {
    const CASES: [&[Defect]; 3] = [
        &[Defect::Instead("event_name", "\"screen_blinked\"")],
        &[Defect::Instead("event_name", "\" \"")],
        &[Defect::Instead("event_name", "\"App_Opened\"")],
    ];
    CASES[random.index(CASES.len())]
}

fn unknown_operation(random: Random) -> &'static [Defect] {
    const CASES: [&[Defect]; 3] = [
        &[Defect::Instead("op", "\"truncate\"")],
        &[Defect::Instead("op", "\" \"")],
        &[Defect::Instead("op", "\"INSERT\"")],
    ];
    CASES[random.index(CASES.len())]
}

fn missing_key_of_change(random: Random) -> &'static [Defect] {
    const CASES: [&[Defect]; 8] = [
        &[Defect::Instead("op", "\"\"")],
        &[Defect::Instead("lsn", "\"\""), Defect::Instead("op", "\"truncate\"")],
        &[Defect::Instead("committed_at", "\"\"")],
        &[Defect::Missing("user_id")],
        &[Defect::Null("user_id"), Defect::Instead("op", "\"truncate\"")],
        &[Defect::Missing("lsn"), Defect::Instead("committed_at", "\"yesterday\"")],
        &[Defect::Null("committed_at")],
        &[Defect::Missing("op")],
    ];
    CASES[random.index(CASES.len())]
}

/// The last two cases are for changes that leave a row.
fn wrong_type_of_change(random: Random, has_row: bool) -> &'static [Defect] {
    const CASES: [&[Defect]; 5] = [
        &[Defect::Instead("lsn", "\"many\"")],
        &[Defect::Instead("committed_at", "\"yesterday\"")],
        &[Defect::Instead("lsn", "12.5"), Defect::Instead("op", "\"truncate\"")],
        &[Defect::Instead("signed_up_at", "\"long ago\"")],
        &[Defect::Instead("marketing_opt_in", "\"maybe\"")],
    ];
    CASES[random.index(if has_row { CASES.len() } else { CASES.len() - 2 })]
}
