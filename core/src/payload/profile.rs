//! A profile of payloads: which fields they have, how often, and of which types.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use indexmap::IndexMap;
use jiff::civil::Date;
use serde_json::{Number, Value};

use super::time::{self, TimeForm};
use crate::{contract::ColumnType, instant::MicrosUtc};

/// Deeper objects are kept as text.
const DEPTH_MAX: usize = 6;
/// Of a field with more different values, only that there are more is known.
const DISTINCT_MAX: usize = 100_000;
/// As JSON; as an example it says little.
const EMPTY_TEXT: &str = "\"\"";
const EXAMPLE_CHARACTERS_MAX: usize = 60;
/// Of a number that counts, and its quotes.
const COUNTER_LENGTH_MAX: usize = 11;
const TOKEN_LENGTH_MIN: usize = 16;
/// 2^63.
const PAST_64_BITS: f64 = 9_223_372_036_854_775_808.0;

/// Payloads with something in common, of which one is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// How many there are.
    pub message_count: u64,
    /// Load dates of the first and the last; `None` where messages have none yet.
    pub load_dates: Option<(Date, Date)>,
}

impl Weight {
    /// One message that is not loaded yet.
    pub const ONE: Self = Self { message_count: 1, load_dates: None };
}

/// Which fields payloads have.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Payloads that are objects.
    pub object_count: u64,
    /// Payloads that are something else.
    pub other_count: u64,
    /// Messages with an object that has fields, by its path.
    pub filled_objects: IndexMap<Vec<String>, u64>,
    /// By path, in the order in which they were seen first.
    pub fields: IndexMap<Vec<String>, FieldProfile>,
}

/// What the values of a field are.
#[derive(Clone, Debug, Default)]
pub struct FieldProfile {
    /// Messages that have it, and not as null.
    pub count: u64,
    /// Messages that have it as null.
    pub null_count: u64,
    /// By kind of value.
    pub kinds: BTreeMap<ValueKind, u64>,
    /// Values that say an instant, by form.
    pub times: BTreeMap<TimeForm, u64>,
    /// Numbers in quotes that may say an instant, by form.
    pub quoted_times: BTreeMap<TimeForm, u64>,
    /// What whole numbers it has.
    pub whole_numbers: WholeNumbers,
    /// A value, as JSON.
    pub example: String,
    /// Texts that are more than one word, which no id or category is.
    pub prose_count: u64,
    /// Texts that are numbers.
    pub quoted_number_count: u64,
    /// Texts of 16 and more letters and digits, as random ids are.
    pub token_count: u64,
    /// Messages with a value that another message had before, and that differ from it elsewhere.
    pub differing_count: u64,
    /// First and last load date on which it was seen.
    pub load_dates: Option<(Date, Date)>,
    /// A hash of each value, and of the message that had it first.
    distinct: BTreeMap<u64, u64>,
    /// The greatest number of characters of a value, as JSON.
    length_max: usize,
    last_instant: Option<MicrosUtc>,
    /// Instants that are not before the one before them.
    grown_count: u64,
}

/// What the whole numbers of a field are, in the order of the messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct WholeNumbers {
    count: u64,
    least: i64,
    greatest: i64,
    last: i64,
    does_fall: bool,
}

impl WholeNumbers {
    fn observe(&mut self, number: i64) {
        if self.count == 0 {
            (self.least, self.greatest) = (number, number);
        }
        self.does_fall |= self.count > 0 && number < self.last;
        (self.least, self.greatest) = (self.least.min(number), self.greatest.max(number));
        self.last = number;
        self.count += 1;
    }

    /// Whether some are past 2^53, where a double skips numbers: they name, point or count
    /// nanoseconds, and nobody adds them up.
    pub fn are_huge(&self) -> bool {
        self.greatest.max(self.least.saturating_neg()) > 1 << 53
    }

    /// Whether they only grow, by steps that are small beside them, as positions in a log do.
    pub fn are_positions(&self) -> bool {
        let span = self.greatest.saturating_sub(self.least);
        self.count > 2 && !self.does_fall && span > 0 && self.least > span.saturating_mul(10)
    }
}

/// The kinds of JSON values, integers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueKind {
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Integer,
    /// A greater one.
    BigInteger,
    /// Another number.
    Float,
    /// Text.
    Text,
    /// A list.
    List,
    /// An object without fields, or one too deep.
    Object,
}

impl Profile {
    /// Looks at a payload that stands for `weight`.
    pub fn observe(&mut self, payload: &Value, weight: Weight) {
        let Value::Object(_) = payload else {
            self.other_count += weight.message_count;
            return;
        };
        self.object_count += weight.message_count;
        self.descend(&mut Vec::new(), payload, hash(&payload.to_string()), weight);
    }

    fn descend(&mut self, path: &mut Vec<String>, value: &Value, message: u64, weight: Weight) {
        match value {
            Value::Object(fields) if !fields.is_empty() && path.len() < DEPTH_MAX => {
                if !path.is_empty() {
                    if !self.filled_objects.contains_key(path) {
                        self.filled_objects.insert(path.clone(), 0);
                    }
                    self.filled_objects[path.as_slice()] += weight.message_count;
                }
                for (name, inner) in fields {
                    path.push(name.clone());
                    self.descend(path, inner, message, weight);
                    path.pop();
                }
            }
            _ if path.is_empty() => {}
            _ => {
                if !self.fields.contains_key(path) {
                    self.fields.insert(path.clone(), FieldProfile::default());
                }
                self.fields[path.as_slice()].observe(value, message, weight);
            }
        }
    }
}

impl FieldProfile {
    fn observe(&mut self, value: &Value, message: u64, weight: Weight) {
        if let Some((first, last)) = weight.load_dates {
            let (own_first, own_last) = self.load_dates.unwrap_or((first, last));
            self.load_dates = Some((own_first.min(first), own_last.max(last)));
        }
        let Some(kind) = ValueKind::of(value) else {
            self.null_count += weight.message_count;
            return;
        };
        self.count += weight.message_count;
        *self.kinds.entry(kind).or_default() += weight.message_count;
        if let Some((instant, form)) = time::read(value) {
            let has_grown = self.last_instant.is_some_and(|last| last <= instant);
            self.grown_count += u64::from(has_grown);
            self.last_instant = Some(instant);
            *self.times.entry(form).or_default() += weight.message_count;
        }
        if let Some((_, form)) = time::read_quoted(value) {
            *self.quoted_times.entry(form).or_default() += weight.message_count;
        }
        if let Some(number) = value.as_i64() {
            self.whole_numbers.observe(number);
        }
        if value.as_str().is_some_and(|text| text.contains(char::is_whitespace)) {
            self.prose_count += weight.message_count;
        }
        if value.as_str().is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)) {
            self.quoted_number_count += weight.message_count;
        }
        if value.as_str().is_some_and(is_token) {
            self.token_count += weight.message_count;
        }
        let text = value.to_string();
        self.length_max = self.length_max.max(text.len());
        let key = hash(&text);
        match self.distinct.get(&key) {
            Some(first) => self.differing_count += u64::from(*first != message),
            None if self.distinct.len() < DISTINCT_MAX => {
                self.distinct.insert(key, message);
            }
            None => {}
        }
        // As a double it is not what was sent.
        let is_exact = kind != ValueKind::BigInteger || value.is_u64();
        if is_exact && (self.example.is_empty() || self.example == EMPTY_TEXT) {
            self.example = shortened(text);
        }
    }

    /// Whether its values are numbers of so few digits that something counted them.
    pub fn is_counter(&self) -> bool {
        let integers = self.kinds.get(&ValueKind::Integer).copied().unwrap_or_default();
        integers + self.quoted_number_count == self.count && self.length_max <= COUNTER_LENGTH_MAX
    }

    /// Whether nearly none of its instants is before the one before it.
    pub fn is_growing(&self) -> bool {
        let told: u64 = self.times.values().sum();
        told > 1 && self.grown_count * 10 >= (told - 1) * 9
    }

    /// The example without what TOML, a comment in SQL or a terminal would take for its own.
    pub fn shown_example(&self) -> String {
        let is_plain = |c: &char| !"`\\\"".contains(*c) && !c.is_control();
        let text: String = self.example.chars().filter(is_plain).collect();
        text.replace("*/", "* /")
    }

    /// How many different values it has, as far as they were looked at.
    pub fn distinct_count(&self) -> u64 {
        self.distinct.len() as u64
    }

    /// The type that all its values have. STRING where they differ, for lists and objects, as JSON
    /// text, and for whole numbers that INT64 has not, which as doubles would be others.
    pub fn column_type(&self) -> ColumnType {
        let kinds: Vec<ValueKind> = self.kinds.keys().copied().collect();
        match kinds.as_slice() {
            [ValueKind::Bool] => ColumnType::Bool,
            [ValueKind::Integer] => ColumnType::Int64,
            [whole @ .., ValueKind::Float] if whole.iter().all(|kind| kind.is_whole()) => {
                ColumnType::Float64
            }
            [ValueKind::Text] if self.time_form().is_some() => ColumnType::Timestamp,
            _ => ColumnType::String,
        }
    }

    /// The form in which all its values say an instant; text of several forms is ISO 8601.
    pub fn time_form(&self) -> Option<TimeForm> {
        if self.count == 0 || self.times.values().sum::<u64>() != self.count {
            return None;
        }
        let forms: Vec<TimeForm> = self.times.keys().copied().collect();
        match forms.as_slice() {
            [form] => Some(*form),
            [TimeForm::Utc, TimeForm::Iso] => Some(TimeForm::Iso),
            _ => None,
        }
    }
}

impl ValueKind {
    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Integer | Self::BigInteger)
    }

    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Integer,
            Value::Number(number) if is_big(number) => Self::BigInteger,
            Value::Number(_) => Self::Float,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        })
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.len() >= TOKEN_LENGTH_MIN
        && text.chars().all(is_part)
        && text.contains(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic())
}

/// Whether a number past 64 bits is whole: there a double has no fraction.
fn is_big(number: &Number) -> bool {
    number.is_u64() || number.as_f64().is_some_and(|number| number.abs() >= PAST_64_BITS)
}

fn shortened(text: String) -> String {
    if text.chars().count() <= EXAMPLE_CHARACTERS_MAX {
        return text;
    }
    let begin: String = text.chars().take(EXAMPLE_CHARACTERS_MAX - 1).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Profile, Weight};
    use crate::{contract::ColumnType, payload::time::TimeForm};

    fn profile(payloads: &[Value]) -> Profile {
        let mut profile = Profile::default();
        for payload in payloads {
            profile.observe(payload, Weight::ONE);
        }
        profile
    }

    #[track_caller]
    fn check(values: &[Value], kind: ColumnType, form: Option<TimeForm>) {
        let payloads: Vec<Value> = values.iter().map(|value| json!({ "a": value })).collect();
        let profile = profile(&payloads);
        let field = &profile.fields[["a".to_owned()].as_slice()];
        assert_eq!((field.column_type(), field.time_form()), (kind, form), "{values:?}");
    }

    #[test]
    fn types_are_those_of_all_values() {
        check(&[json!(1), json!(null), json!(-2)], ColumnType::Int64, None);
        check(&[json!(1), json!(2.5)], ColumnType::Float64, None);
        check(&[json!(true), json!(false)], ColumnType::Bool, None);
        check(&[json!("x"), json!(1)], ColumnType::String, None);
        check(&[json!([1, 2])], ColumnType::String, None);
        check(&[json!({})], ColumnType::String, None);
        check(&[json!(u64::MAX)], ColumnType::String, None);
        check(&[json!(1), json!(1e30)], ColumnType::String, None);
        check(&[json!(0.5), json!(1e30)], ColumnType::Float64, None);
        let utc = json!("2026-01-05T10:00:00Z");
        check(std::slice::from_ref(&utc), ColumnType::Timestamp, Some(TimeForm::Utc));
        check(&[utc.clone(), json!("2026-01-05")], ColumnType::Timestamp, Some(TimeForm::Iso));
        check(&[utc, json!("soon")], ColumnType::String, None);
        let millis = json!(1_767_607_200_000_u64);
        check(std::slice::from_ref(&millis), ColumnType::Int64, Some(TimeForm::Millis));
        check(&[millis, json!(0)], ColumnType::Int64, None);
    }

    #[test]
    fn fields_are_those_at_the_ends_of_objects() {
        let found = profile(&[
            json!({ "a": { "b": { "c": 1 }, "d": [{ "e": 1 }] } }),
            json!({ "a": { "d": null }, "f": "x" }),
            json!([1]),
            json!({}),
        ]);
        let paths: Vec<String> = found.fields.keys().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["a.b.c", "a.d", "f"]);
        let d = &found.fields[["a".to_owned(), "d".to_owned()].as_slice()];
        assert_eq!((d.count, d.null_count, d.distinct_count()), (1, 1, 1));
        assert_eq!((found.object_count, found.other_count), (3, 1));
    }
}
