//! Objects that are something else in some messages: whether their fields are fields, or the whole is
//! a value.

use std::fmt::Write as _;

use crate::payload::{
    path::FieldPath,
    profile::{Profile, ValueKind},
};

/// Of a hundred messages that have an object, so many at most may have something else in its place.
pub const ODD_PERCENT_MAX: u64 = 25;

/// In how many messages there is something else than an object at `path`, and in how many anything,
/// if there are objects and the others are few.
pub fn odd_counts(profile: &Profile, path: &[String]) -> Option<(u64, u64)> {
    let (odd, objects) = counts(profile, path);
    let all = odd + objects;
    (odd > 0 && objects > 0 && odd * 100 <= all * ODD_PERCENT_MAX).then_some((odd, all))
}

/// Whether an object around the field is a value in too many messages, so that it is kept whole.
pub fn is_inside_value(profile: &Profile, path: &FieldPath) -> bool {
    let is_value =
        |object: &[String]| counts(profile, object).0 > 0 && odd_counts(profile, object).is_none();
    (1..path.len()).any(|length| is_value(&path[..length]))
}

/// The text of a text or a number that stands in an object's place, in SQL; `None` if a path that all
/// engines read alike cannot name it.
pub fn odd_value(path: &[String]) -> Option<String> {
    let is_bare = |key: &String| {
        !key.is_empty() && key.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    let dollar = path.iter().fold("$".to_owned(), |mut whole, key| {
        let _ = write!(whole, ".{key}");
        whole
    });
    path.iter().all(is_bare).then(|| format!("json_value(body, '{dollar}')"))
}

/// How often something else stands at `path`, and how often an object.
fn counts(profile: &Profile, path: &[String]) -> (u64, u64) {
    let filled = profile.filled_objects.get(path).copied().unwrap_or_default();
    let Some(field) = profile.fields.get(path) else { return (0, filled) };
    let empty = field.kinds.get(&ValueKind::Object).copied().unwrap_or_default();
    (field.count - empty, filled + empty)
}
