//! The columns of a proposed source: a contract's fields, with names of their own.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    branches::{ODD_PERCENT_MAX, is_inside_value, odd_counts, odd_value},
    evidence::is_temporal,
    roles::Roles,
};
use crate::{
    contract::ColumnType,
    payload::{
        name::Names,
        path::FieldPath,
        profile::{FieldProfile, Profile, ValueKind},
        time::TimeForm,
    },
};

/// A contract with more fields is no help; the others are listed.
const FIELD_COUNT_MAX: usize = 60;
/// Of events more than these, a field that not one in a hundred has is left out.
const RARE_FROM_COUNT: u64 = 200;

/// A field that the contract gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the contract and the tables.
    pub name: String,
    /// Where it stands in the JSON.
    pub path: FieldPath,
    /// The type in the tables.
    pub kind: ColumnType,
    /// In which form it says an instant, if its type is one.
    pub time_form: Option<TimeForm>,
    /// Whether a message without it is rejected.
    pub is_required: bool,
    /// What can be said of it.
    pub about: String,
}

/// A field that the contract does not get, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it stands in the JSON.
    pub path: FieldPath,
    /// Why.
    pub reason: String,
}

/// The columns of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// What names an event; `None` if several fields do so together, or its whole payload.
    pub id: Option<Column>,
    /// Names of the columns that name an event together.
    pub id_parts: Vec<String>,
    /// What says in SQL that something else stands in the place of an object; such is rejected.
    pub odd_values: Vec<String>,
    /// When it happened; `None` if only its arrival is known.
    pub time: Option<Column>,
    /// The key of who or what it is of; `None` if each event is its own.
    pub entity: Option<Column>,
    /// All others, in the order of the payload.
    pub attributes: Vec<Column>,
    /// Fields without a column.
    pub left_out: Vec<LeftOut>,
}

impl Columns {
    /// The columns of a profile.
    pub fn of(profile: &Profile, roles: &Roles) -> Self {
        let mut columns = Self::default();
        let mut names = Names::of_tables();
        let role = |path: &Option<FieldPath>| {
            path.as_ref().map(|path| (path.clone(), &profile.fields[path]))
        };
        let only_id = <[FieldPath; 1]>::try_from(roles.id.clone()).ok().map(|[path]| path);
        let is_id_part = |path: &FieldPath| roles.id.contains(path);
        columns.id = role(&only_id).map(|(path, field)| id_column(path, field));
        columns.time = role(&roles.time).map(|(path, field)| time_column(path, field));
        columns.entity = role(&roles.entity).map(|(path, field)| {
            let name = names.unused(path.iter().map(String::as_str));
            entity_column(name, path, field, profile.object_count)
        });
        // What the tables call by the entity's name.
        let entity = columns.entity_name();
        for name in [format!("{entity}_hk"), active_count(&entity), new_count(&entity)] {
            names.take(&name);
        }
        let has_role = |path: &FieldPath| {
            [&only_id, &roles.time, &roles.entity].into_iter().flatten().any(|own| own == path)
        };
        let kept = most_frequent(profile, |path| has_role(path) || is_id_part(path));
        for (path, field) in profile.fields.iter().filter(|(path, _)| !has_role(path)) {
            let reason = reason_against(profile, path, field, &kept);
            if let Some(reason) = reason.filter(|_| !is_id_part(path)) {
                columns.left_out.push(LeftOut { path: path.clone(), reason });
                continue;
            }
            let name = names.unused(path.iter().map(String::as_str));
            let attribute = attribute(name, path, field, profile.object_count);
            let is_required = is_id_part(path);
            // Engines do not write a double alike: as a part of a name it stays a text.
            let is_text = is_required && attribute.kind == ColumnType::Float64;
            let kind = if is_text { ColumnType::String } else { attribute.kind };
            columns.attributes.push(Column { kind, is_required, ..attribute });
        }
        columns.odd_values = odd_values(profile, &columns);
        if only_id.is_none() {
            let named = |path: &FieldPath| columns.all().find(|column| column.path == *path);
            columns.id_parts =
                roles.id.iter().filter_map(named).map(|column| column.name.clone()).collect();
        }
        columns
    }

    /// What the hub is of: `device_id` gives `device`.
    pub fn entity_name(&self) -> String {
        let Some(column) = &self.entity else { return "event".to_owned() };
        let endings = ["_id", "_uuid", "_key", "_login", "_number", "_name"];
        let bare = endings.iter().find_map(|ending| column.name.strip_suffix(ending));
        bare.unwrap_or(&column.name).to_owned()
    }

    /// The fields of the contract, in order.
    pub fn all(&self) -> impl Iterator<Item = &Column> {
        [&self.id, &self.time, &self.entity].into_iter().flatten().chain(&self.attributes)
    }
}

impl Column {
    /// The column of the parsed event.
    pub fn expression(&self) -> String {
        format!("event.{}", self.name)
    }

    /// Its text, by which equal values are told.
    pub fn text(&self) -> String {
        let value = self.expression();
        match self.kind {
            ColumnType::String => value,
            ColumnType::Timestamp => format!("cast(unix_micros({value}) as STRING)"),
            _ => format!("cast({value} as STRING)"),
        }
    }
}

/// The mart's column of how many of the hub had an event on a day.
pub fn active_count(entity: &str) -> String {
    format!("active_{entity}_count")
}

/// The mart's column of how many of the hub had their first event on a day.
pub fn new_count(entity: &str) -> String {
    format!("new_{entity}_count")
}

fn id_column(path: FieldPath, field: &FieldProfile) -> Column {
    let about = format!("Names the event; the same when it is sent again. {}", example(field));
    Column {
        name: "event_id".to_owned(),
        path,
        kind: ColumnType::String,
        time_form: None,
        is_required: true,
        about,
    }
}

fn time_column(path: FieldPath, field: &FieldProfile) -> Column {
    Column {
        name: "occurred_at".to_owned(),
        path,
        kind: ColumnType::Timestamp,
        time_form: likeliest_form(field),
        is_required: true,
        about: format!("When it happened{}. {}", unit(likeliest_form(field)), example(field)),
    }
}

/// What a number counts that says an instant.
fn unit(form: Option<TimeForm>) -> &'static str {
    match form {
        Some(TimeForm::Seconds) => ", in seconds since 1970",
        Some(TimeForm::Millis) => ", in milliseconds since 1970",
        Some(TimeForm::Micros) => ", in microseconds since 1970",
        Some(TimeForm::Utc | TimeForm::Iso) | None => "",
    }
}

/// Broken values, of which there are few, have none.
fn likeliest_form(field: &FieldProfile) -> Option<TimeForm> {
    let mut forms = field.times.keys().chain(field.quoted_times.keys());
    if field.times.contains_key(&TimeForm::Iso) && forms.all(|form| !form.is_epoch()) {
        return Some(TimeForm::Iso);
    }
    let all = field.times.iter().chain(&field.quoted_times);
    all.max_by_key(|(_, count)| **count).map(|(form, _)| *form)
}

fn entity_column(name: String, path: FieldPath, field: &FieldProfile, object_count: u64) -> Column {
    let is_required = field.count == object_count;
    let missing = if is_required { "" } else { " `unknown` if it is missing." };
    Column {
        name,
        path,
        kind: ColumnType::String,
        time_form: None,
        is_required,
        about: format!("Who or what it is of.{missing} {}", example(field)),
    }
}

fn attribute(name: String, path: &FieldPath, field: &FieldProfile, object_count: u64) -> Column {
    let mut kind = field.column_type();
    let mut time_form = field.time_form();
    if kind == ColumnType::Int64 || kind == ColumnType::Float64 {
        // A number of the right size is a time only if its name says so.
        time_form = time_form.filter(|_| is_temporal(&name));
        if time_form.is_some() {
            kind = ColumnType::Timestamp;
        }
    }
    let mut about = example(field);
    let is_past_int64 = field.kinds.contains_key(&ValueKind::BigInteger);
    if is_past_int64 && field.kinds.keys().all(|kind| kind.is_whole()) {
        about.push_str(" Whole numbers past INT64, kept as text.");
    } else if field.kinds.len() > 1 && kind == ColumnType::String {
        about.push_str(" Its values are of several types.");
    }
    if field.count < object_count {
        let share = field.count * 100 / object_count.max(1);
        let _ = write!(about, " In {share} % of the events.");
    }
    Column { name, path: path.clone(), kind, time_form, is_required: false, about }
}

fn example(field: &FieldProfile) -> String {
    if field.example.starts_with(['[', '{']) {
        // Read and written again it would not be what the tables have.
        return "JSON, as it was sent.".to_owned();
    }
    match field.shown_example().as_str() {
        "" if field.kinds.contains_key(&ValueKind::BigInteger) => "A long number.".to_owned(),
        "" => "Always empty so far.".to_owned(),
        text => format!("Such as `{text}`."),
    }
}

/// Of each object that some column is in, and that is something else in a few events.
fn odd_values(profile: &Profile, columns: &Columns) -> Vec<String> {
    let objects: BTreeSet<&[String]> = columns
        .all()
        .flat_map(|column| (1..column.path.len()).map(|length| &column.path[..length]))
        .filter(|object| odd_counts(profile, object).is_some())
        .collect();
    objects.into_iter().filter_map(odd_value).collect()
}

/// The fields that most events have, roles apart.
fn most_frequent(profile: &Profile, has_role: impl Fn(&FieldPath) -> bool) -> BTreeSet<FieldPath> {
    let mut fields: Vec<(&FieldPath, u64)> =
        profile.fields.iter().map(|(path, field)| (path, field.count)).collect();
    fields.retain(|(path, _)| !has_role(path));
    fields.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    fields.into_iter().take(FIELD_COUNT_MAX).map(|(path, _)| path.clone()).collect()
}

fn reason_against(
    profile: &Profile,
    path: &FieldPath,
    field: &FieldProfile,
    kept: &BTreeSet<FieldPath>,
) -> Option<String> {
    if is_inside_value(profile, path) {
        return Some("a part of a field that is not always an object".to_owned());
    }
    let is_parent = |other: &FieldPath| other.len() > path.len() && other.starts_with(path);
    let has_fields = profile.fields.keys().any(is_parent);
    if let Some((odd, all)) = odd_counts(profile, path).filter(|_| has_fields) {
        return Some(format!(
            "an object, but in {odd} of {all} events: up to {ODD_PERCENT_MAX} % may be odd, and \
             {}",
            if odd_value(path).is_some() {
                "a text or number there is rejected as `wrong_type`"
            } else {
                "the fields of such an event are NULL"
            }
        ));
    }
    if field.count == 0 {
        return Some("always null".to_owned());
    }
    let is_empty = field.kinds.keys().eq([&ValueKind::Object]);
    if is_empty && has_fields {
        return Some("an object, whose own fields are taken".to_owned());
    }
    let is_rare = field.count * 100 < profile.object_count;
    if is_rare && profile.object_count >= RARE_FROM_COUNT {
        return Some(format!("in {} of {} events", field.count, profile.object_count));
    }
    (!kept.contains(path)).then(|| format!("in {} of {} events", field.count, profile.object_count))
}
