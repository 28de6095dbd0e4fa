//! Which field of a payload plays which part: what names an event, when it happened, who it is of,
//! what sort it is, what is measured. Names and values tell, where they can.

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
    "time",
    "created_at",
    "measured_at",
    "recorded_at",
    "sent_at",
    "datetime",
    "date",
];
/// What events are of, the likelier first.
const SUBJECTS: &[&str] = &[
    "user",
    "customer",
    "account",
    "member",
    "subscriber",
    "player",
    "passenger",
    "driver",
    "patient",
    "employee",
    "visitor",
    "client",
    "person",
    "actor",
    "author",
    "anonymous",
    "device",
    "sensor",
    "machine",
    "vehicle",
    "meter",
    "station",
    "host",
    "session",
    "store",
    "shop",
    "repo",
    "product",
];
/// How the key of a subject ends, the likelier first; a subject alone is one, too.
const KEY_ENDINGS: &[&str] = &["id", "uuid", "key", "", "login", "number", "name"];
/// Names of the sort of an event, the likelier first.
const CATEGORY_NAMES: &[&str] = &[
    "event_name",
    "event_type",
    "type",
    "event",
    "action",
    "kind",
    "category",
    "name",
    "status",
    "state",
    "channel",
    "country",
];
/// Numbers with one of these words are no measures.
const NOT_MEASURED: &[&str] = &[
    "id",
    "lat",
    "lon",
    "lng",
    "latitude",
    "longitude",
    "version",
    "port",
    "code",
    "zip",
    "index",
    "sequence",
    "seq",
    "width",
    "height",
    "number",
    "year",
    "position",
];
const MEASURE_COUNT_MAX: usize = 3;
/// A field of more values than these is no sort of event.
const CATEGORY_VALUES_MAX: u64 = 50;

/// Parts that a person has given to fields.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// What names an event.
    pub id: Option<FieldPath>,
    /// When it happened.
    pub time: Option<FieldPath>,
    /// Who or what it is of.
    pub entity: Option<FieldPath>,
}

/// Which field plays which part; `None` where none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Names an event; the same when it is sent again.
    pub id: Option<FieldPath>,
    /// When it happened.
    pub time: Option<FieldPath>,
    /// Who or what it is of.
    pub entity: Option<FieldPath>,
    /// What sort of event it is.
    pub category: Option<FieldPath>,
    /// Numbers worth adding up or comparing.
    pub measures: Vec<FieldPath>,
}

impl Roles {
    /// The chosen field for each part, and else the likeliest.
    pub fn of(source: &str, profile: &Profile, chosen: &Chosen) -> Self {
        let object_count = profile.object_count;
        let has_part = |path: &FieldPath| {
            let chosen = [&chosen.id, &chosen.time, &chosen.entity];
            chosen.into_iter().flatten().any(|own| own == path)
        };
        let id = chosen.id.clone().or_else(|| {
            best(profile, |path, field| {
                id_rank(source, path, field, object_count).filter(|_| !has_part(path))
            })
        });
        let time = chosen.time.clone().or_else(|| {
            best(profile, |path, field| {
                time_rank(path, field, object_count).filter(|_| !has_part(path))
            })
        });
        let is_free = |path: &FieldPath| Some(path) != id.as_ref() && Some(path) != time.as_ref();
        let entity = chosen.entity.clone().or_else(|| {
            best(profile, |path, field| {
                entity_rank(path, field, object_count).filter(|_| is_free(path))
            })
        });
        let category = best(profile, |path, field| {
            let is_free = is_free(path) && Some(path) != entity.as_ref();
            category_rank(path, field, object_count).filter(|_| is_free)
        });
        let measured = profile
            .fields
            .iter()
            .filter(|(path, field)| is_free(path) && is_measure(path, field, object_count));
        let mut measures: Vec<FieldPath> = measured.map(|(path, _)| path.clone()).collect();
        measures.sort_by_key(Vec::len);
        measures.truncate(MEASURE_COUNT_MAX);
        Self { id, time, entity, category, measures }
    }
}

/// The field of the least rank; among equals the one that stands less deep, then the first.
fn best<R: Ord>(
    profile: &Profile,
    rank: impl Fn(&FieldPath, &FieldProfile) -> Option<R>,
) -> Option<FieldPath> {
    profile
        .fields
        .iter()
        .filter(|(path, _)| !is_inside_value(profile, path))
        .filter_map(|(path, field)| Some(((rank(path, field)?, path.len()), path)))
        .min_by(|(left, _), (right, _)| left.cmp(right))
        .map(|(_, path)| path.clone())
}

/// Whether an object around the field is a value in other messages, so that it is kept whole.
pub fn is_inside_value(profile: &Profile, path: &FieldPath) -> bool {
    let is_value = |field: &FieldProfile| {
        field.count > 0 && field.kinds.keys().any(|kind| *kind != ValueKind::Object)
    };
    (1..path.len()).any(|length| profile.fields.get(&path[..length]).is_some_and(is_value))
}

fn whole_name(path: &FieldPath) -> String {
    column_name(path.iter().map(String::as_str))
}

fn last_name(path: &FieldPath) -> String {
    column_name(path.last().map(String::as_str))
}

fn is_word(field: &FieldProfile) -> bool {
    let is_wordlike = |kind: &ValueKind| matches!(kind, ValueKind::Text | ValueKind::Integer);
    field.count > 0 && field.prose_count == 0 && field.kinds.keys().all(is_wordlike)
}

/// Whether nearly all messages have it.
fn is_everywhere(field: &FieldProfile, object_count: u64) -> bool {
    field.count * 100 >= object_count * 98
}

fn id_rank(
    source: &str,
    path: &FieldPath,
    field: &FieldProfile,
    object_count: u64,
) -> Option<usize> {
    if !is_word(field) || !is_everywhere(field, object_count) || path.len() > 2 {
        return None;
    }
    if field.time_form().is_some() {
        return None;
    }
    let name = whole_name(path);
    let singular = source.strip_suffix('s').unwrap_or(source);
    // Files hold messages that were sent again: a good name may have some values twice.
    let mostly = field.distinct_count() * 2 >= field.count;
    let always = field.distinct_count() == field.count && field.count > 1;
    if let Some(rank) = ID_NAMES.iter().position(|known| *known == name) {
        return mostly.then_some(rank);
    }
    // Inside of `context` and the like only a whole name says that it is of the event.
    let last = last_name(path);
    let is_of_event = last.contains('_') && ID_NAMES.contains(&last.as_str());
    if is_of_event || name == format!("{singular}_id") {
        return mostly.then_some(ID_NAMES.len());
    }
    let is_id = name.ends_with("_id") || name.ends_with("_uuid");
    (is_id && always).then_some(ID_NAMES.len() + 1)
}

fn time_rank(path: &FieldPath, field: &FieldProfile, object_count: u64) -> Option<usize> {
    let told: u64 = field.times.values().sum();
    // Some of them may be broken, and are rejected one by one.
    if told == 0 || told * 10 < field.count * 9 || !is_everywhere(field, object_count) {
        return None;
    }
    let name = last_name(path);
    let rank = TIME_NAMES.iter().position(|known| *known == name || *known == whole_name(path));
    if rank.is_some() {
        return rank;
    }
    let is_number = field.kinds.contains_key(&ValueKind::Integer);
    (!is_number || is_temporal(&name)).then_some(TIME_NAMES.len())
}

/// Whether a number of that name may be a time.
pub fn is_temporal(name: &str) -> bool {
    let words = ["at", "time", "timestamp", "ts", "date", "epoch", "ms", "millis", "on"];
    name.split('_').next_back().is_some_and(|word| words.contains(&word))
}

fn entity_rank(
    path: &FieldPath,
    field: &FieldProfile,
    object_count: u64,
) -> Option<(usize, usize)> {
    if !is_word(field) || field.count * 2 < object_count || field.time_form().is_some() {
        return None;
    }
    let name = whole_name(path);
    let mut words: Vec<&str> = name.split('_').collect();
    let ending = words.last().and_then(|word| KEY_ENDINGS.iter().position(|end| end == word));
    if ending.is_some() {
        words.pop();
    }
    let ending = ending.or_else(|| KEY_ENDINGS.iter().position(|end| end.is_empty()))?;
    let subject = words.last()?;
    match SUBJECTS.iter().position(|known| known == subject) {
        Some(rank) => Some((rank, ending)),
        // Any other thing that has an id and comes again.
        None if ending == 0 && field.distinct_count() < field.count => {
            Some((SUBJECTS.len(), ending))
        }
        None => None,
    }
}

fn category_rank(
    path: &FieldPath,
    field: &FieldProfile,
    object_count: u64,
) -> Option<(usize, u64)> {
    let values = field.distinct_count();
    let is_text = field.kinds.keys().eq([&ValueKind::Text]);
    let comes_again = values * 2 <= field.count && values <= CATEGORY_VALUES_MAX;
    if !is_text || !comes_again || field.time_form().is_some() || field.count * 2 < object_count {
        return None;
    }
    let names = [whole_name(path), last_name(path)];
    match CATEGORY_NAMES.iter().position(|known| names.iter().any(|name| name == known)) {
        Some(rank) => Some((rank, values)),
        None if values > 1 => Some((CATEGORY_NAMES.len(), values)),
        None => None,
    }
}

fn is_measure(path: &FieldPath, field: &FieldProfile, object_count: u64) -> bool {
    let is_number = |kind: &ValueKind| matches!(kind, ValueKind::Integer | ValueKind::Float);
    let name = last_name(path);
    field.count * 5 >= object_count
        && field.kinds.keys().all(is_number)
        && field.time_form().is_none()
        && !name.split('_').any(|word| NOT_MEASURED.contains(&word))
}
