//! Drift: fields that payloads have and the contract of their source does not.

use jiff::civil::Date;

use super::{
    name::{column_name, is_nameable},
    profile::{FieldProfile, Profile},
};
use crate::contract::{ColumnType, source::SourceContract};

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
    /// Where it stands in the JSON, names separated by points.
    pub path: String,
    /// First and last load date of the messages that have it.
    pub load_dates: Option<(Date, Date)>,
    /// How many messages have it, and not as null; copies included.
    pub message_count: u64,
    /// A value, as JSON.
    pub example: String,
    /// The line of the contract that brings it in; `None` if no path can name it.
    pub line: Option<String>,
}

/// The fields of `profile` that the contract neither has nor keeps as a part of another.
pub fn drift(contract: &SourceContract, profile: &Profile) -> Vec<DriftField> {
    let known: Vec<(&str, Vec<&str>)> = contract.paths().collect();
    let ignored: Vec<Vec<&str>> =
        contract.ignored.iter().map(|path| path.split('.').collect()).collect();
    let is_known = |path: &[String]| {
        known.iter().map(|(_, known)| known).chain(&ignored).any(|known| {
            // An object that the contract keeps whole, and one that here was a value, count too.
            known.iter().zip(path).all(|(known, own)| known == own)
        })
    };
    let mut fields: Vec<DriftField> = profile
        .fields
        .iter()
        // What was always null says nothing yet, not even its type.
        .filter(|(path, field)| field.count > 0 && !is_known(path))
        .map(|(path, field)| DriftField {
            path: path.join("."),
            load_dates: field.load_dates,
            message_count: field.count,
            example: field.example.clone(),
            line: line(&known, path, field),
        })
        .collect();
    fields.sort_by_key(|field| (field.load_dates, field.path.clone()));
    fields
}

/// The line of a contract for a field, named as its neighbours are.
fn line(known: &[(&str, Vec<&str>)], path: &[String], field: &FieldProfile) -> Option<String> {
    if !path.iter().all(|key| is_nameable(key)) {
        return None;
    }
    let (last, parents) = path.split_last()?;
    let neighbour = known.iter().find(|(_, known)| {
        known.len() == path.len() && known.iter().zip(parents).all(|(known, own)| known == own)
    });
    let is_short = neighbour.is_some_and(|(name, known)| Some(name) == known.last());
    let short = column_name([last.as_str()]);
    let is_taken = known.iter().any(|(name, _)| *name == short);
    let name = match is_short && !is_taken {
        true => short,
        false => column_name(path.iter().map(String::as_str)),
    };
    Some(contract_line(&name, path, field.column_type(), &about(field)))
}

/// What can be said of a field without knowing what it means.
fn about(field: &FieldProfile) -> String {
    let example = field.example.replace(['`', '\\', '"'], "'");
    if example.is_empty() {
        "Always null so far.".to_owned()
    } else {
        format!("Such as `{example}`.")
    }
}

/// A field as a line of a source's contract.
pub fn contract_line(name: &str, path: &[String], kind: ColumnType, about: &str) -> String {
    let kind = format!("{kind:?}").to_uppercase();
    let whole = path.join(".");
    let at = if whole == name { String::new() } else { format!(" path = \"{whole}\",") };
    format!("{name} = {{ type = \"{kind}\",{at} about = \"{about}\" }}")
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
            "after": { "vip": true }, "a.b": 1,
        }));
        let line = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                None,
                line(
                    r#"after_vip = { type = "BOOL", path = "after.vip", about = "Such as `true`." }"#
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
