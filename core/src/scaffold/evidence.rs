//! What speaks for a field as the name of an event, or as its time: its values first, its name after.
//! Points are added up; they are said, with the runner-up, so that a person can judge.

use std::cmp::Reverse;

use super::branches::is_inside_value;
use crate::payload::{
    name::column_name,
    path::FieldPath,
    profile::{FieldProfile, Profile, ValueKind},
};

/// Names of an event's id, the likelier first.
const ID_NAMES: &[&str] = &[
    "event_id",
    "id",
    "uuid",
    "event_uuid",
    "guid",
    "message_id",
    "insert_id",
    "event_insert_id",
    "event_key",
];
/// Names of the time of an event, the likelier first.
const TIME_NAMES: &[&str] = &[
    "occurred_at",
    "event_at",
    "event_time",
    "event_timestamp",
    "event_date",
    "timestamp",
    "ts",
    "ts_ms",
    "time",
    "created_at",
    "measured_at",
    "recorded_at",
    "sent_at",
    "datetime",
    "date",
];
/// Objects in which a change stream says what a row is or was: its key comes again with each change.
const ROW_OBJECTS: &[&str] = &["after", "before", "old", "new", "row"];
/// Fields that rows have which change: the key of such a row comes again with each change, too.
const ROW_FIELDS: &[&str] =
    &["op", "__op", "__deleted", "is_deleted", "deleted_at", "updated_at", "modified_at"];
/// Names that say that it is of the event, and not of what the event is about.
const EVENT_WORDS: &[&str] = &["event", "message", "insert"];
/// Of ten values of an id, so many at most may come again with another content.
const DIFFERING_TENTHS_MAX: u64 = 1;

/// A field that may play a part, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The field.
    pub path: FieldPath,
    /// The sum of the points.
    pub score: i64,
    /// What they were given for, in words.
    pub why: Vec<&'static str>,
    /// Where its name stands in the list of likely names; `None` if it says nothing.
    rank: Option<usize>,
}

impl Candidate {
    fn new(path: &FieldPath, rank: Option<usize>) -> Self {
        let deep = i64::try_from(path.len()).unwrap_or(i64::MAX) - 1;
        Self { path: path.clone(), score: -deep, why: Vec::new(), rank }
    }

    fn add(&mut self, is_so: bool, points: i64, why: &'static str) {
        if is_so {
            self.score += points;
            self.why.push(why);
        }
    }
}

/// Fields of which each value is of one event as far as the profile tells, the likeliest first.
pub fn ids(source: &str, profile: &Profile) -> Vec<Candidate> {
    let fields = profile.fields.iter().filter(|(path, _)| path.len() <= 2);
    sorted(fields.filter_map(|(path, field)| id(source, profile, path, field)))
}

/// The one that names an event: only a field whose name says so, for which more speaks than for any
/// other.
pub fn chosen_id(candidates: &[Candidate]) -> Option<&Candidate> {
    let (first, others) = candidates.split_first()?;
    let is_rival = |other: &Candidate| other.score == first.score && other.rank == first.rank;
    (first.rank.is_some() && !others.iter().any(is_rival)).then_some(first)
}

fn id(
    source: &str,
    profile: &Profile,
    path: &FieldPath,
    field: &FieldProfile,
) -> Option<Candidate> {
    let is_wordlike = |kind: &ValueKind| *kind == ValueKind::Text || kind.is_whole();
    let is_word = field.count > 0
        && field.prose_count == 0
        && field.kinds.keys().all(is_wordlike)
        && field.time_form().is_none();
    if !is_word || !is_everywhere(field, profile) || is_inside_value(profile, path) {
        return None;
    }
    // Files hold messages that were sent again, some with a new time of sending.
    let has_others = field.differing_count > 0;
    let mostly = field.distinct_count() * 2 >= field.count;
    if !mostly || field.differing_count * 10 > field.count * DIFFERING_TENTHS_MAX {
        return None;
    }
    let is_in_row = path.len() > 1 && ROW_OBJECTS.contains(&path[0].as_str());
    let name = column_name(path.iter().map(String::as_str));
    let is_of_row = is_in_row || (is_row(profile) && !name.split('_').any(is_event_word));
    let rank = id_rank(source, path, &name).filter(|_| !is_of_row);
    let is_called_id = ID_NAMES.contains(&&*name)
        || ["_id", "_uuid", "_guid", "_key"].iter().any(|end| name.ends_with(end));
    if rank.is_none() && (!is_called_id || has_others || field.count < 2 || is_in_row) {
        return None;
    }
    let mut candidate = Candidate::new(path, rank);
    candidate.add(!has_others, 5, "no value comes twice with other content");
    candidate.add(has_others, 2, "few values come twice with other content");
    candidate.add(field.token_count == field.count, 3, "its values look random");
    candidate.add(field.is_counter(), -2, "it counts, maybe for each device anew");
    candidate.add(rank.is_some(), 3, "its name says so");
    Some(candidate)
}

/// Whether messages seem to be rows that change, as a database tells of them.
fn is_row(profile: &Profile) -> bool {
    let is_row_field = |path: &FieldPath| path.len() == 1 && ROW_FIELDS.contains(&&*path[0]);
    profile.fields.keys().any(is_row_field)
}

fn is_event_word(word: &str) -> bool {
    EVENT_WORDS.contains(&word)
}

fn id_rank(source: &str, path: &FieldPath, name: &str) -> Option<usize> {
    let known = ID_NAMES.iter().position(|known| *known == name);
    // Inside of `context` and the like only a whole name says that it is of the event.
    let last = column_name(path.last().map(String::as_str));
    let is_of_event = last.contains('_') && ID_NAMES.contains(&last.as_str());
    // Of `support_tickets`, `ticket_id` is one, too.
    let singular = format!("_{}", source.strip_suffix('s').unwrap_or(source));
    let is_of_source =
        name.strip_suffix("_id").is_some_and(|thing| singular.ends_with(&format!("_{thing}")));
    let is_like = is_of_event || is_of_source;
    known.or_else(|| is_like.then_some(ID_NAMES.len()))
}

/// Fields that say an instant of nearly all events, the likeliest time of an event first.
pub fn times(profile: &Profile) -> Vec<Candidate> {
    sorted(profile.fields.iter().filter_map(|(path, field)| time(profile, path, field)))
}

fn time(profile: &Profile, path: &FieldPath, field: &FieldProfile) -> Option<Candidate> {
    let (whole, last) = (
        column_name(path.iter().map(String::as_str)),
        column_name(path.last().map(String::as_str)),
    );
    let rank = TIME_NAMES.iter().position(|known| *known == last || *known == whole);
    let mut told: u64 = field.times.values().sum();
    // In quotes a number may as well be an id: the name decides.
    if rank.is_some() || is_temporal(&last) {
        told += field.quoted_times.values().sum::<u64>();
    }
    // Some of them may be broken, and are rejected one by one.
    if told == 0 || told * 10 < field.count * 9 || !is_everywhere(field, profile) {
        return None;
    }
    let is_number = field.kinds.contains_key(&ValueKind::Integer);
    if (rank.is_none() && is_number && !is_temporal(&last)) || is_inside_value(profile, path) {
        return None;
    }
    let mut candidate = Candidate::new(path, rank);
    let points = rank.map_or(0, |rank| 6 - i64::try_from(rank / 3).unwrap_or(0));
    candidate.add(rank.is_some(), points, "its name says so");
    candidate.add(field.distinct_count() * 2 >= field.count, 3, "it differs from event to event");
    candidate.add(field.is_growing(), 2, "it grows through the file");
    let is_in_row = path.len() > 1 && ROW_OBJECTS.contains(&path[0].as_str());
    candidate.add(is_in_row, -4, "it is of the row that changed");
    Some(candidate)
}

/// Whether a number of that name may be a time.
pub fn is_temporal(name: &str) -> bool {
    let words = ["at", "time", "timestamp", "ts", "date", "epoch", "ms", "millis", "on"];
    name.split('_').next_back().is_some_and(|word| words.contains(&word))
}

/// Whether nearly all messages have it.
fn is_everywhere(field: &FieldProfile, profile: &Profile) -> bool {
    field.count * 100 >= profile.object_count * 98
}

/// By points; among equals the likelier name, then the one that stands less deep, then the first.
fn sorted(candidates: impl Iterator<Item = Candidate>) -> Vec<Candidate> {
    let mut sorted: Vec<Candidate> = candidates.collect();
    let order = |it: &Candidate| (Reverse(it.score), it.rank.unwrap_or(usize::MAX), it.path.len());
    sorted.sort_by_key(order);
    sorted
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Candidate, chosen_id, ids, times};
    use crate::payload::profile::{Profile, Weight};

    fn profile(payloads: &[Value]) -> Profile {
        let mut profile = Profile::default();
        for payload in payloads {
            profile.observe(payload, Weight::ONE);
        }
        profile
    }

    fn id_of(payloads: &[Value]) -> Option<String> {
        chosen_id(&ids("ev", &profile(payloads))).map(|candidate| candidate.path.join("."))
    }

    fn token(number: u64) -> String {
        format!("0b1a2c3d-4e5f-6071-8293-{:012x}", number * 7_919)
    }

    #[test]
    fn a_counter_of_each_device_names_no_event() {
        let event = |device: u64, number: u64| json!({ "device_id": device, "event_id": number, "uuid": token(device * 100 + number) });
        let two: Vec<Value> = (0..6).map(|n| event(n % 2, n / 2)).collect();
        assert_eq!(id_of(&two).as_deref(), Some("uuid"));
        // One device alone: the counter is as distinct, and yet counts.
        let one: Vec<Value> = (0..6).map(|n| event(1, n)).collect();
        assert_eq!(id_of(&one).as_deref(), Some("uuid"));
    }

    #[test]
    fn what_happens_to_be_distinct_is_offered_and_not_chosen() {
        let rows: Vec<Value> = (1..5)
            .map(|n| json!({ "after": { "id": n }, "order_id": n, "trace_id": token(n) }))
            .collect();
        assert_eq!(id_of(&rows), None);
        let offered: Vec<Candidate> = ids("ev", &profile(&rows));
        let paths: Vec<&str> = offered.iter().map(|candidate| candidate.path[0].as_str()).collect();
        assert_eq!(paths, ["trace_id", "order_id"]);
    }

    #[test]
    fn the_key_of_a_row_that_changes_names_no_event() {
        let row = |id: u64| json!({ "id": id, "plan": "free", "updated_at": "2026-01-05" });
        assert_eq!(id_of(&[row(1), row(2), row(3)]), None);
        let change =
            |id: u64| json!({ "id": 7, "event_id": token(id), "updated_at": "2026-01-05" });
        assert_eq!(id_of(&[change(1), change(2), change(3)]).as_deref(), Some("event_id"));
    }

    #[test]
    fn an_event_may_be_called_as_its_source_is() {
        let rows: Vec<Value> =
            (1..4).map(|n| json!({ "ticket_id": format!("t-{n}"), "user_id": 1 })).collect();
        let id = |source: &str| {
            chosen_id(&ids(source, &profile(&rows))).map(|candidate| candidate.path.join("."))
        };
        assert_eq!(id("support_tickets").as_deref(), Some("ticket_id"));
        assert_eq!(id("tickets").as_deref(), Some("ticket_id"));
        assert_eq!(id("rackets"), None);
    }

    #[test]
    fn what_is_better_told_apart_than_a_counter_is_not_passed_over() {
        let event = |n: u64| json!({ "id": n, "request_id": token(n) });
        assert_eq!(id_of(&[event(1), event(2), event(3)]), None);
    }

    #[test]
    fn between_two_that_are_alike_none_is_chosen() {
        let both: Vec<Value> = (1..5)
            .map(|n| json!({ "meta": { "event_id": token(n) }, "context": { "event_id": token(n + 9) } }))
            .collect();
        assert_eq!(id_of(&both), None);
        assert_eq!(ids("ev", &profile(&both)).len(), 2);
    }

    #[test]
    fn copies_speak_for_an_id_and_other_content_against_it() {
        let event = |id: u64, n: u64| json!({ "id": id, "n": n });
        let copies = [event(1, 1), event(1, 1), event(2, 2), event(3, 3)];
        assert_eq!(id_of(&copies).as_deref(), Some("id"));
        let others = [event(1, 1), event(1, 2), event(2, 3), event(2, 4)];
        assert_eq!(id_of(&others), None);
    }

    #[test]
    fn the_time_of_an_event_differs_and_grows() {
        let at = |hour: u64| format!("2026-01-05T{hour:02}:00:00Z");
        let events: Vec<Value> =
            (0..20).map(|n| json!({ "created_at": at(n % 3), "happened": at(n) })).collect();
        let first = times(&profile(&events)).remove(0);
        assert_eq!((first.path[0].as_str(), first.score), ("happened", 5));
    }
}
