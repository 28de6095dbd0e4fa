//! Drift: fields that payloads have and the contract of their source does not.

use jiff::civil::Date;

use super::{
    name::{Names, column_name},
    path::{self, FieldPath},
    profile::{FieldProfile, Profile},
    time::TimeForm,
};
use crate::contract::{ColumnType, source::SourceContract, toml_text};

/// The drift of a source; sources without any have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDrift {
    /// The source.
    pub source: String,
    /// In the order in which the fields were seen first.
    pub fields: Vec<DriftField>,
}

/// A field that the contract does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftField {
    /// Where it stands in the JSON, as a contract says it.
    pub path: String,
    /// First and last load date of the messages that have it.
    pub load_dates: Option<(Date, Date)>,
    /// How many messages have it, and not as null; copies included.
    pub message_count: u64,
    /// A value, as JSON.
    pub example: String,
    /// The line of the contract that brings it in, which any contract can take that has taken those
    /// before it; `None` if it is a part of one of those.
    pub line: Option<String>,
}

/// The fields of `profile` that the contract neither has nor keeps as a part of another.
pub fn drift(contract: &SourceContract, profile: &Profile) -> Vec<DriftField> {
    let known: Vec<(&str, FieldPath)> = contract.paths().collect();
    let ignored: Vec<FieldPath> = contract.ignored_paths().collect();
    let is_known = |path: &[String]| {
        // An object that the contract keeps whole, and one that here was a value, count too.
        known.iter().map(|(_, known)| known).chain(&ignored).any(|known| overlap(known, path))
    };
    // What was always null says nothing yet, not even its type.
    let mut found: Vec<(&FieldPath, &FieldProfile)> =
        profile.fields.iter().filter(|(path, field)| field.count > 0 && !is_known(path)).collect();
    found.sort_by_key(|(path, field)| (field.load_dates, path::written(path)));
    let mut names = Names::of_tables();
    for (name, _) in &known {
        names.take(name);
    }
    let mut offered: Vec<&FieldPath> = Vec::new();
    let mut fields = Vec::new();
    for (path, field) in found {
        let line = if offered.iter().any(|other| overlap(other, path)) {
            None
        } else {
            offered.push(path);
            Some(offered_line(&known, path, field, &mut names))
        };
        fields.push(DriftField {
            path: path::written(path),
            load_dates: field.load_dates,
            message_count: field.count,
            example: field.example.clone(),
            line,
        });
    }
    fields
}

/// Whether one path leads to the other, or both to the same.
fn overlap(left: &[String], right: &[String]) -> bool {
    left.iter().zip(right).all(|(left, right)| left == right)
}

/// The line of a contract for a field, named as its neighbours are.
fn offered_line(
    known: &[(&str, FieldPath)],
    path: &[String],
    field: &FieldProfile,
    names: &mut Names,
) -> String {
    let (last, parents) = path.split_last().expect("a field has a key");
    let neighbour = known.iter().find(|(_, known)| {
        known.len() == path.len() && known.iter().zip(parents).all(|(known, own)| known == own)
    });
    let is_short =
        neighbour.is_some_and(|(name, known)| Some(*name) == known.last().map(|key| &**key));
    let is_taken = names.has(&column_name([last.as_str()]));
    let own = if is_short && !is_taken { &path[parents.len()..] } else { path };
    let name = names.unused(own.iter().map(String::as_str));
    contract_line(&name, path, field, &about(field))
}

/// What can be said of a field without knowing what it means.
fn about(field: &FieldProfile) -> String {
    let example = field.example.replace(['`', '\\', '"'], "'").replace(char::is_control, "");
    if example.is_empty() {
        "Always null so far.".to_owned()
    } else {
        format!("Such as `{example}`.")
    }
}

/// A field as a line of a source's contract.
fn contract_line(name: &str, path: &[String], field: &FieldProfile, about: &str) -> String {
    let kind = field.column_type();
    let form = field.time_form().filter(|_| kind == ColumnType::Timestamp);
    let form = form.and_then(TimeForm::in_contract);
    let form = form.map(|form| format!(" form = {form},")).unwrap_or_default();
    let kind = format!("{kind:?}").to_uppercase();
    let whole = path::written(path);
    let at = if whole == name { String::new() } else { format!(" path = {},", toml_text(&whole)) };
    format!("{name} = {{ type = \"{kind}\",{form}{at} about = {} }}", toml_text(about))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::drift;
    use crate::{
        contract::source::SourceContract,
        payload::profile::{Profile, Weight},
    };

    const CONTRACT: &str = r#"
about = "x"
owner = "x"
ignored = ["debug"]
[fields]
event_id   = { type = "STRING" }
product_id = { type = "STRING", path = "properties.product_id" }
after_id   = { type = "STRING", path = "after.id" }
device     = { type = "STRING" }
"#;

    fn lines(payload: &Value) -> Vec<Option<String>> {
        let contract = SourceContract::parse(Path::new("x.toml"), &CONTRACT.into()).unwrap();
        let mut profile = Profile::default();
        profile.observe(payload, Weight::ONE);
        drift(&contract, &profile).into_iter().map(|field| field.line).collect()
    }

    #[test]
    fn a_new_field_gets_its_line() {
        let found = lines(&json!({
            "event_id": "e", "properties": { "product_id": "p", "couponCode": "X1" },
            "after": { "vip": true }, "a.b": 1, "made": "2026-01-05 10:00",
        }));
        let line = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                line(r#"a_b = { type = "INT64", path = '"a.b"', about = "Such as `1`." }"#),
                line(
                    r#"after_vip = { type = "BOOL", path = "after.vip", about = "Such as `true`." }"#
                ),
                line(
                    r#"made = { type = "TIMESTAMP", form = "iso", about = "Such as `'2026-01-05 10:00'`." }"#
                ),
                line(
                    r#"coupon_code = { type = "STRING", path = "properties.couponCode", about = "Such as `'X1'`." }"#
                ),
            ]
        );
    }

    #[test]
    fn what_is_kept_as_a_part_of_another_is_no_drift() {
        assert_eq!(lines(&json!({ "device": { "model": "m" }, "properties": "none" })), []);
        assert_eq!(lines(&json!({ "properties": null, "after": {} })), []);
        assert_eq!(lines(&json!({ "debug": { "trace": [1], "level": 3 } })), []);
    }
}
