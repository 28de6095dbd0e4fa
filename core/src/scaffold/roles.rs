//! Which field of a payload plays which part: what names an event, when it happened, who it is of,
//! what sort it is, what is measured. Values and names tell, where they can.

use super::{
    branches::is_inside_value,
    evidence::{self, Candidate},
};
use crate::payload::{
    name::column_name,
    path::FieldPath,
    profile::{FieldProfile, Profile, ValueKind},
};

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
    "lsn",
    "scn",
    "gtid",
    "xid",
    "txid",
    "offset",
    "pos",
    "partition",
    "shard",
    "revision",
    "serial",
    "uid",
    "pid",
    "status",
    "hash",
    "checksum",
    "crc",
    "ts",
    "timestamp",
    "epoch",
    "month",
    "weekday",
    "birth",
    "phone",
    "postal",
    "postcode",
];
const MEASURE_COUNT_MAX: usize = 3;
/// A field of more values than these is no sort of event.
const CATEGORY_VALUES_MAX: u64 = 50;

/// Parts that a person has given to fields.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// What names an event: one field, or several together.
    pub id: Vec<FieldPath>,
    /// When it happened.
    pub time: Option<FieldPath>,
    /// Who or what it is of.
    pub entity: Option<FieldPath>,
}

/// Which field plays which part; `None` where none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Names an event; the same when it is sent again. Several fields do so together.
    pub id: Vec<FieldPath>,
    /// Fields that may name an event, the likeliest first.
    pub id_candidates: Vec<Candidate>,
    /// When it happened.
    pub time: Option<FieldPath>,
    /// Fields that may say when it happened, the likeliest first.
    pub time_candidates: Vec<Candidate>,
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
        let without =
            |candidates: Vec<Candidate>, parts: &[&Option<FieldPath>]| -> Vec<Candidate> {
                let is_free =
                    |it: &Candidate| !parts.iter().any(|part| part.as_ref() == Some(&it.path));
                candidates.into_iter().filter(is_free).collect()
            };
        let id_candidates =
            without(evidence::ids(source, profile), &[&chosen.time, &chosen.entity]);
        let id = match evidence::chosen_id(&id_candidates) {
            Some(candidate) if chosen.id.is_empty() => vec![candidate.path.clone()],
            _ => chosen.id.clone(),
        };
        // Parts of an id may say the time, too.
        let only_id = <[FieldPath; 1]>::try_from(id.clone()).ok().map(|[path]| path);
        let time_candidates = without(evidence::times(profile), &[&only_id, &chosen.entity]);
        let likeliest = time_candidates.first().map(|candidate| candidate.path.clone());
        let time = chosen.time.clone().or(likeliest);
        let is_free =
            |path: &FieldPath| Some(path) != only_id.as_ref() && Some(path) != time.as_ref();
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
        Self { id, id_candidates, time, time_candidates, entity, category, measures }
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

fn whole_name(path: &FieldPath) -> String {
    column_name(path.iter().map(String::as_str))
}

fn last_name(path: &FieldPath) -> String {
    column_name(path.last().map(String::as_str))
}

fn is_word(field: &FieldProfile) -> bool {
    let is_wordlike = |kind: &ValueKind| *kind == ValueKind::Text || kind.is_whole();
    field.count > 0 && field.prose_count == 0 && field.kinds.keys().all(is_wordlike)
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
        && !field.whole_numbers.are_huge()
        && !field.whole_numbers.are_positions()
        && !name.split('_').any(|word| NOT_MEASURED.contains(&word))
}
