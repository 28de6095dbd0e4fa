//! Arguments of functions: for each type, and each form to which `functions.toml` restricts it, the
//! values at which engines part: NULL, empty, extremes, NaN and infinities, leap days, Unicode
//! outside of the BMP, text that is almost a number.

use lakebed::portable::{functions::Argument, types::Type};
use proptest::{prelude::*, sample::select, strategy::BoxedStrategy};
use serde_json::{Value, json};

use crate::rows::{Cell, float, hex};

/// Of ten values one is NULL.
const NULL_WEIGHT: u32 = 1;
const VALUE_WEIGHT: u32 = 9;
/// 1600-01-01 and 9000-01-01, in days and in microseconds.
const DAYS: std::ops::Range<i64> = -135_140..2_567_628;
const INSTANTS: std::ops::Range<i64> = -11_676_096_000_000_000..221_843_059_200_000_000;
/// 2015 to 2035.
const RECENT_DAYS: std::ops::Range<i64> = 16_436..23_741;
/// Leap days and the days around the epoch and the turns of centuries.
const SPECIAL_DAYS: [i64; 10] = [-1, 0, 1, 58, 59, 11_016, 19_782, 19_783, -25_509, 47_540];
const DAY_MICROS: i64 = 86_400_000_000;

const TEXTS: [&str; 54] = [
    "",
    " ",
    "a",
    "abc",
    "ABC",
    "aBc",
    "abcabc",
    " a b ",
    "\t",
    "\n",
    "a\nb",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ж",
    "漢字",
    "😀",
    "a😀b",
    "𝔘nicode",
    "👩‍👩‍👧",
    "a,b,,c",
    ",",
    "'",
    "\\",
    "\"",
    "%",
    "_",
    "true",
    "TRUE",
    "False",
    "tru",
    "0",
    "1",
    "-1",
    "+1",
    "007",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1.5",
    "1e3",
    "1_000",
    "0x1f",
    " 1",
    "nan",
    "Infinity",
    "2024-02-29",
    "2023-02-29",
    "2026-1-5",
    "2026-01-05T10:00:00Z",
    "2024-02-29T23:59:59.999999Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T10:00:60Z",
];
const PLAIN_TEXTS: [&str; 14] = [
    "",
    " ",
    "a",
    "abc",
    "ABC",
    "aBcD",
    "hello world",
    "é",
    "É",
    "жук",
    "漢字",
    "😀",
    "a😀b",
    "x1-y2",
];
const REGEXES: [&str; 12] =
    ["a", "b+", "[0-9]+", "^a", "c$", "(a|b)c", "x*", "[^a-z]", "a.c", "(?i)abc", "é|😀", "[.,]"];
const JSON_DOCUMENTS: [&str; 24] = [
    r#"{"a":"x"}"#,
    r#"{"a":1}"#,
    r#"{"a":true}"#,
    r#"{"a":null}"#,
    r#"{"a":{"b":"y"}}"#,
    r#"{"a":{"b":[1,2]}}"#,
    r#"{"a":[1,"2",null]}"#,
    r#"{"a":[]}"#,
    r#"{"a":[{"b":1}]}"#,
    r#"{"b":"x"}"#,
    r#"{"a":""}"#,
    r#"{"a":"😀é"}"#,
    r#"{"a":"\"quoted\""}"#,
    r#"{"a":"line\nbreak"}"#,
    r#" { "a" : "spaced" } "#,
    r#"{"a":-12345}"#,
    r#"{"a":9223372036854775807}"#,
    r#"["x","y"]"#,
    r#""text""#,
    "12",
    "null",
    "{}",
    "not JSON",
    "",
];
const DATE_FORMATS: [&str; 8] = ["%Y-%m-%d", "%Y%m", "%d/%m/%Y", "%B", "%b %d", "%A", "%a", "%j"];
const TIMESTAMP_FORMATS: [&str; 5] =
    ["%Y-%m-%d %H:%M:%S", "%H:%M", "%Y-%m-%dT%H", "%A %H", "%Y%m%d%H%M%S"];

/// Whether an argument stands in the statement's text, so that many rows share it.
pub fn is_literal(argument: &Argument) -> bool {
    const LITERALS: [&str; 12] = [
        "literal",
        "regex",
        "regex that matches something",
        "date format",
        "timestamp format",
        "json path",
        "date interval",
        "day interval",
        "timestamp interval",
        "count",
        "positive",
        "delimiter",
    ];
    argument.form.as_deref().is_some_and(|form| LITERALS.contains(&form))
}

/// The text of an argument that is a literal, and how it is written.
pub fn literals(argument: &Argument) -> BoxedStrategy<Cell> {
    let texts = |texts: &'static [&'static str]| select(texts).prop_map(Value::from).boxed();
    match argument.form.as_deref().unwrap_or_default() {
        "regex" => texts(&REGEXES),
        "regex that matches something" => texts(&["a", "b+", "[0-9]+", "(a|b)c", "[^a-z]", "é|😀"]),
        "date format" => texts(&DATE_FORMATS),
        "timestamp format" => texts(&TIMESTAMP_FORMATS),
        "json path" => texts(&["$.a", "$.a.b", "$", "$.a[0]", "$.missing"]),
        "date interval" => intervals(&["day", "week", "month", "quarter", "year"], 0..400),
        "day interval" => intervals(&["day"], 0..400),
        "timestamp interval" => {
            intervals(&["day", "hour", "minute", "second", "millisecond", "microsecond"], 0..10_000)
        }
        "count" => (0_i64..12).prop_map(Value::from).boxed(),
        "positive" => (1_i64..6).prop_map(Value::from).boxed(),
        "delimiter" => texts(&[",", " ", "ab", "😀", "-"]),
        _ => texts(&["", ",", "; ", "abc"]),
    }
}

fn intervals(units: &'static [&'static str], count: std::ops::Range<i64>) -> BoxedStrategy<Cell> {
    let text = |(count, unit): (i64, &str)| Value::from(format!("interval {count} {unit}"));
    (prop_oneof![Just(0), Just(1), count], select(units)).prop_map(text).boxed()
}

/// Values of an argument that differs from row to row.
pub fn values(argument: &Argument, kind: &Type) -> BoxedStrategy<Cell> {
    let value = match argument.form.as_deref() {
        Some(form) => restricted(form, kind),
        None => any_of(kind),
    };
    prop_oneof![NULL_WEIGHT => Just(Value::Null), VALUE_WEIGHT => value].boxed()
}

/// Values of a type, whatever they are.
pub fn any_of(kind: &Type) -> BoxedStrategy<Cell> {
    match kind {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Int64 => {
            let special = select(vec![0, 1, -1, 2, 10, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53]);
            prop_oneof![special, -100_i64..100, any::<i64>()].prop_map(Value::from).boxed()
        }
        Type::Float64 => {
            let special = select(vec![
                0.0,
                -0.0,
                1.0,
                -1.0,
                0.5,
                -0.5,
                1.5,
                2.5,
                1e15,
                1e17,
                1e300,
                -1e300,
                f64::MAX,
                f64::MIN_POSITIVE,
                f64::EPSILON,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ]);
            prop_oneof![special, -1000.0..1000.0, any::<f64>()].prop_map(float).boxed()
        }
        Type::Numeric => {
            let digits = |(whole, fraction): (i64, u32)| json!(format!("{whole}.{fraction:09}"));
            let trimmed = move |parts| trimmed(&digits(parts));
            (-1_000_000_i64..1_000_000, 0_u32..1_000_000_000).prop_map(trimmed).boxed()
        }
        Type::String => prop_oneof![
            3 => select(&TEXTS[..]).prop_map(Value::from),
            2 => "[a-cA-C0-9 ,.é😀]{0,12}".prop_map(Value::from),
        ]
        .boxed(),
        Type::Bytes => {
            let bytes = prop::collection::vec(any::<u8>(), 0..12);
            let hex = |bytes: Vec<u8>| hex(&bytes);
            let text = select(&TEXTS[..]).prop_map(|text| text.as_bytes().to_vec());
            prop_oneof![bytes, text].prop_map(hex).prop_map(Value::from).boxed()
        }
        Type::Date => restricted("day", kind),
        Type::Timestamp => restricted("instant", kind),
        Type::Array(element) => {
            prop::collection::vec(any_of(element), 0..5).prop_map(Value::from).boxed()
        }
        other => panic!("there are no values of type {other}"),
    }
}

fn trimmed(digits: &Value) -> Value {
    let text = digits.as_str().unwrap_or_default().trim_end_matches('0').trim_end_matches('.');
    text.into()
}

fn restricted(form: &str, kind: &Type) -> BoxedStrategy<Cell> {
    let texts = |texts: &'static [&'static str]| select(texts).prop_map(Value::from).boxed();
    match (form, kind) {
        ("day", _) => prop_oneof![select(&SPECIAL_DAYS[..]), DAYS].prop_map(Value::from).boxed(),
        ("recent day", _) => RECENT_DAYS.prop_map(Value::from).boxed(),
        ("instant", _) => {
            let special = select(&SPECIAL_DAYS[..]).prop_map(|day| day * DAY_MICROS - 1);
            prop_oneof![special, -1_000_000_i64..1_000_000, INSTANTS].prop_map(Value::from).boxed()
        }
        ("epoch", _) => prop_oneof![-1000_i64..1000, -11_000_000_000_i64..220_000_000_000]
            .prop_map(Value::from)
            .boxed(),
        ("date epoch", _) => (-719_162_i64..2_932_896).prop_map(Value::from).boxed(),
        ("code point", _) => any::<char>().prop_map(|c| Value::from(u32::from(c).max(1))).boxed(),
        ("small", Type::Int64) => (-12_i64..13).prop_map(Value::from).boxed(),
        ("small", _) => (-999_999_000_i32..999_999_000)
            .prop_map(|thousandths| float(f64::from(thousandths) / 1000.0))
            .boxed(),
        // Of any type, only FLOAT64 has what is not finite.
        ("finite", kind) if *kind != Type::Float64 => any_of(kind),
        ("finite", _) => prop_oneof![
            select(vec![0.0, 1.0, -1.0, 0.5, 2.0, 10.0, 100.0, 1e-3, 1e10]),
            -1000.0..1000.0,
        ]
        .prop_map(float)
        .boxed(),
        ("json", _) => texts(&JSON_DOCUMENTS),
        ("hexadecimal", _) => "([0-9a-f]{2}){0,8}".prop_map(Value::from).boxed(),
        ("base64", _) => "([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
            .prop_map(Value::from)
            .boxed(),
        ("ascii", _) => "[ -~]{0,12}".prop_map(Value::from).boxed(),
        ("plain", _) => prop_oneof![
            select(&PLAIN_TEXTS[..]).prop_map(Value::from),
            "[a-zA-Z0-9 ]{0,12}".prop_map(Value::from),
        ]
        .boxed(),
        (other, _) => panic!("the harness has no values of the form `{other}`"),
    }
}
