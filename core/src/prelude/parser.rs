//! The payload parsers, `udf.parse_<source>(payload)`, generated from the sources' contracts, one for
//! each engine.
//!
//! All of them mean the same (`docs/adr/0010-payloads-are-read-alike.md`). The value is a struct: each
//! field of the contract in its type, as far as it can be read; `reject_reason`, NULL if the message is
//! what the contract says; and `reject_field`, the first field that is to blame. So the contract is the
//! only place that says what is required and of which type
//! (`docs/adr/0029-the-contract-is-the-rule.md`).
//!
//! A payload becomes texts, and the texts become values. Of a name that stands twice the first counts;
//! an object or an array in a field's place is its text, as it was sent, but for the blanks. An empty
//! text in a required field is a missing one.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{inlined::Bodies, json_path};
use crate::{
    contract::{
        ColumnType,
        source::{Field, REJECT_FIELD, REJECT_REASON, SourceContract},
    },
    payload::path::FieldPath,
};

/// What DuckDB's reader takes and JSON has not: a comma before the end of an object or array, NaN
/// and infinities. Looked for by the character before, which RE2 finds fast; a text within the body
/// may look the same.
const DUCKDB_LENIENT: [&str; 3] = [
    r",\s*([}\]]|-?([nN][aA]|[iI]))", //
    r":\s*-?([nN][aA]|[iI])",
    r"\[\s*-?([nN][aA]|[iI])",
];
/// The same in a body whose texts were taken out: there it is no coincidence.
const DUCKDB_LENIENT_FOR_SURE: &str = r",\s*[}\]]|[nN][aA]|[iI]";
/// A text of JSON.
const JSON_TEXT: &str = r#""(?:[^"\\]|\\.)*""#;

/// One struct parse of the body. What is computed once has a column of its own, level by level: a
/// macro would write it out wherever it is used.
pub fn duckdb(source: &str, contract: &SourceContract) -> Vec<String> {
    let shape = Shape::of(contract);
    let transformed = format!("json_transform(try_cast(body as json), '{}')", shape.text());
    let looks_lenient: Vec<String> =
        DUCKDB_LENIENT.map(|regex| format!("regexp_matches(body, '{regex}')")).to_vec();
    let is_lenient = format!(
        "regexp_matches(system.main.regexp_replace(body, '{JSON_TEXT}', '0', 'g'), '{DUCKDB_LENIENT_FOR_SURE}')"
    );
    let (mut looks_whole, mut places) = (Vec::new(), Vec::new());
    let texts = texts(contract, |path| {
        let text = if shape.has(path) {
            parsed(path)
        } else {
            let place = json_path::duckdb(path);
            format!(
                "if(parsed is null, null, json_extract_string(try_cast(body as json), {place}))"
            )
        };
        let is_whole = format!("starts_with({text}, '{{') or starts_with({text}, '[')");
        looks_whole.push(is_whole.clone());
        places.push(format!("'{}'", coded_path(path)));
        // A text may begin so, too; then there is nothing at its position.
        let position = places.len();
        format!("case when {is_whole} then ifnull(wholes[{position}], {text}) else {text} end")
    });
    if looks_whole.is_empty() {
        looks_whole.push("false".to_owned());
    }
    let fields: Vec<String> =
        judged(contract).iter().map(|(name, value)| format!("'{name}': {value}")).collect();
    // Of what is no object all fields are NULL. The fields stand here once: to bind them takes
    // longer than to parse some messages.
    let levels = [
        format!("select {{{}}}", fields.join(", ")),
        format!("select body, is_object, {}", values(contract)),
        format!(
            "select body, case when parsed is null then false when {} is not null then true \
             else json_type(body) = 'OBJECT' end as is_object, {texts}",
            shape.first
        ),
        format!(
            "select body, parsed, \
             case when {} then engine.json_wholes(body, [{}]) end as wholes",
            looks_whole.join(" or "),
            places.join(", ")
        ),
        format!(
            "select body, if(({}) and {is_lenient}, null, {transformed}) as parsed",
            looks_lenient.join(" or ")
        ),
        "select udf.safe_string(payload) as body".to_owned(),
    ];
    vec![format!("create or replace macro udf.parse_{source}(payload) as {}", nested(&levels))]
}

/// Each query reads the one after it.
fn nested(levels: &[String]) -> String {
    let mut whole = String::new();
    for level in levels.iter().rev() {
        let from = if whole.is_empty() { String::new() } else { format!("\n  from {whole}") };
        whole = format!("({level}{from})");
    }
    whole
}

/// The column of each field's text.
fn texts(contract: &SourceContract, mut text: impl FnMut(&FieldPath) -> String) -> String {
    let column = |(name, field): (&String, &Field)| {
        let texts: Vec<String> = field.paths(name).iter().map(&mut text).collect();
        format!("{} as text_{name}", text_of(field, &texts))
    };
    contract.fields.iter().map(column).collect::<Vec<_>>().join(", ")
}

/// The text of a field, from those at its places.
fn text_of(field: &Field, texts: &[String]) -> String {
    if let ([text], false) = (texts, field.required) {
        return text.clone();
    }
    let filled = texts.iter().map(|text| format!("nullif({text}, '')"));
    filled.rev().reduce(|rest, text| format!("ifnull({text}, {rest})")).unwrap_or_default()
}

/// The columns of the texts, and beside each that is not its own value the value.
fn values(contract: &SourceContract) -> String {
    let columns = contract.fields.iter().flat_map(|(name, field)| {
        let text = format!("text_{name}");
        let value = field.reader().map(|reader| format!("udf.{reader}({text}) as value_{name}"));
        std::iter::once(text).chain(value)
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// What the parser returns, by name: of the columns that [`values`] has, `body` and `is_object`.
fn judged(contract: &SourceContract) -> Vec<(&str, String)> {
    let value = |name: &str, field: &Field| match field.reader() {
        Some(_) => format!("value_{name}"),
        None => format!("text_{name}"),
    };
    let mut all: Vec<(&str, String)> =
        contract.fields.iter().map(|(name, field)| (name.as_str(), value(name, field))).collect();
    all.extend(verdict(
        contract,
        ["body is null", "not is_object"],
        |name| format!("text_{name}"),
        value,
    ));
    all
}

/// Why a message is rejected, and for which field, in the words of all engines. What is no text comes
/// before what is no object, a missing field before one of the wrong type, and of two fields that of the
/// contract's upper line.
fn verdict(
    contract: &SourceContract,
    [is_no_text, is_no_object]: [&str; 2],
    text: impl Fn(&str) -> String,
    value: impl Fn(&str, &Field) -> String,
) -> [(&'static str, String); 2] {
    let required = contract.fields.iter().filter(|(_, field)| field.required);
    let missing: Vec<(&str, String)> =
        required.map(|(name, _)| (name.as_str(), format!("{} is null", text(name)))).collect();
    let typed = contract.fields.iter().filter(|(_, field)| field.reader().is_some());
    let wrong: Vec<(&str, String)> = typed
        .map(|(name, field)| {
            let (text, value) = (text(name), value(name, field));
            (name.as_str(), format!("({text} is not null and {value} is null)"))
        })
        .collect();
    let mut reason =
        format!("case when {is_no_text} then 'not_utf8' when {is_no_object} then 'not_json'");
    // The parser returns a text, also of a source whose messages cannot be wrong.
    let mut blamed = format!("case when {is_no_object} then cast(null as STRING)");
    for (all, name) in [(&missing, "missing_key"), (&wrong, "wrong_type")] {
        let conditions: Vec<&str> = all.iter().map(|(_, condition)| condition.as_str()).collect();
        if !conditions.is_empty() {
            let _ = write!(reason, " when {} then '{name}'", conditions.join(" or "));
        }
        for (field, condition) in all {
            let _ = write!(blamed, " when {condition} then '{field}'");
        }
    }
    [(REJECT_REASON, reason + " end"), (REJECT_FIELD, blamed + " end")]
}

/// Where `udf.json_coded` puts what stands at a path: each key is `k` and its text in hexadecimal.
fn coded_path(path: &[String]) -> String {
    path.iter().fold("$".to_owned(), |whole, key| whole + "." + &coded_key(key))
}

fn coded_key(key: &str) -> String {
    let written = Value::from(key).to_string();
    written.bytes().fold("k".to_owned(), |coded, byte| format!("{coded}{byte:02x}"))
}

/// What DuckDB's struct parse is asked for: `{"event_id":"VARCHAR","user":{"id":"VARCHAR"}}`. Fields
/// that no struct can have beside these are looked for one by one.
struct Shape {
    object: Map<String, Value>,
    /// A field of it, in SQL.
    first: String,
}

impl Shape {
    fn of(contract: &SourceContract) -> Self {
        let mut object = Map::new();
        let mut first = None;
        for (_, path) in contract.paths() {
            if path.iter().all(|key| is_identifier(key)) && add(&mut object, &path) {
                first.get_or_insert_with(|| parsed(&path));
            }
        }
        let first = first.unwrap_or_else(|| {
            // Whether there is an object at all, any field tells.
            object.insert("none".to_owned(), "VARCHAR".into());
            "parsed.\"none\"".to_owned()
        });
        Self { object, first }
    }

    fn text(&self) -> String {
        Value::Object(self.object.clone()).to_string()
    }

    fn has(&self, path: &[String]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let object =
            parents.iter().try_fold(&self.object, |object, key| object.get(key)?.as_object());
        object.and_then(|object| object.get(last)).is_some_and(Value::is_string)
    }
}

/// Adds a field, if no other has its name but for the case, which DuckDB's structs do not tell apart.
fn add(object: &mut Map<String, Value>, path: &[String]) -> bool {
    let Some((key, rest)) = path.split_first() else { return false };
    if object.keys().any(|other| other != key && other.eq_ignore_ascii_case(key)) {
        return false;
    }
    if rest.is_empty() {
        object.insert(key.clone(), "VARCHAR".into());
        return true;
    }
    let inner = object.entry(key.clone()).or_insert_with(|| Map::new().into()).as_object_mut();
    add(inner.expect("a field is either a value or an object, never both"), rest)
}

/// Whether a key can be an identifier in quotes, and stand in a literal, in every tokenizer.
fn is_identifier(key: &str) -> bool {
    !key.is_empty() && !key.contains(['"', '\'', '\\']) && !key.contains(char::is_control)
}

/// A field of the struct parse.
fn parsed(path: &[String]) -> String {
    path.iter().fold("parsed".to_owned(), |text, key| text + ".\"" + key + "\"")
}

/// GoogleSQL reads the document as JSON, and the numbers' texts from the body: JSON has no texts.
pub fn bigquery(source: &str, contract: &SourceContract) -> Vec<String> {
    let texts = texts(contract, |path| {
        let (coded, path) = (coded_path(path), json_path::googlesql(path));
        format!(
            "udf.json_text(json_query(document, {path}), json_value(body, {path}), json_query(coded, '{coded}'))"
        )
    });
    let fields: Vec<String> =
        judged(contract).iter().map(|(name, value)| format!("{value} as {name}")).collect();
    let levels = [
        format!("select struct({})", fields.join(", ")),
        format!("select body, is_object, {}", values(contract)),
        format!("select body, ifnull(json_type(document) = 'object', false) as is_object, {texts}"),
        "select body, udf.json_document(body) as document, udf.json_coded(body) as coded"
            .to_owned(),
        "select udf.safe_string(payload) as body".to_owned(),
    ];
    vec![format!(
        "create or replace function udf.parse_{source}(payload BYTES) as ({})",
        nested(&levels)
    )]
}

/// Spark reads the document twice: once for the texts, once for what they are. What takes objects and
/// arrays out of the coded document stands here and is no function: Spark gives none to a lambda, and
/// takes none around one. So the texts are handed to a lambda, which computes them once, and the readers
/// stand there as what they return.
pub fn spark(source: &str, contract: &SourceContract, readers: &Bodies) -> Vec<String> {
    let text = |name: &str| format!("told.texts.{name}");
    let value = |name: &str, field: &Field| match field.reader() {
        Some(reader) => readers.call(reader, &text(name)),
        None => text(name),
    };
    let (mut text_kinds, mut kinds) = (Vec::new(), Vec::new());
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for (name, field) in &contract.fields {
        let found: Vec<String> = field.paths(name).iter().map(spark_text).collect();
        text_kinds.push(format!("{name}: STRING"));
        kinds.push(format!("{name}: {}", spark_type(field.kind)));
        texts.push(format!("    '{name}', {}", text_of(field, &found)));
        values.push(format!("      '{name}', {}", value(name, field)));
    }
    let is_missing = ["told.body is null", "told.texts is null"];
    for (name, value) in verdict(contract, is_missing, text, value) {
        kinds.push(format!("{name}: STRING"));
        values.push(format!("      '{name}', {value}"));
    }
    let (text_kinds, kinds) = (text_kinds.join(", "), kinds.join(", "));
    let (texts, values) = (texts.join(",\n"), values.join(",\n"));
    let body = "udf.safe_string(payload)";
    vec![
        format!(
            "create or replace function udf.texts_{source}(body STRING)\n  \
             returns STRUCT<{text_kinds}>\n  \
             return if(udf.json_texts(body) is null or udf.json_fields(body) is null, null, \
             named_struct(\n{texts}\n  ))"
        ),
        format!(
            "create or replace function udf.parse_{source}(payload BINARY)\n  \
             returns STRUCT<{kinds}>\n  return transform(\n    \
             array(named_struct('body', {body}, 'texts', udf.texts_{source}({body}))),\n    \
             told -> named_struct(\n{values}\n    )\n  )[0]"
        ),
    ]
}

fn spark_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Int64 => "BIGINT",
        ColumnType::Float64 => "DOUBLE",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp => "TIMESTAMP",
        // The contract refuses the others.
        ColumnType::String | ColumnType::Bytes | ColumnType::Numeric | ColumnType::Json => "STRING",
    }
}

/// The text at a place.
fn spark_text(path: &FieldPath) -> String {
    let (last, parents) = path.split_last().expect("a path has a name");
    let (object, last) = (spark_object(parents), json_path::spark_key(last));
    let field = format!("udf.json_fields({object})[{last}]");
    let coded = path.iter().fold("udf.json_coded(body)".to_owned(), |object, key| {
        format!("from_json({object}, 'MAP<STRING, STRING>')['{}']", coded_key(key))
    });
    format!(
        "ifnull(\n      \
         if(substr(to_json({field}), 1, 1) in ('{{', '['), array_join(transform(\n        \
         regexp_extract_all({coded}, '\"[^\"]*\"|[^\"]+', 0),\n        \
         part -> if(startswith(part, '\"'), \
         cast(unhex(substr(part, 3, length(part) - 3)) as STRING), part)\n      \
         ), ''), null),\n      \
         udf.json_text(udf.json_texts({object})[{last}], {field})\n    )"
    )
}

/// The text of the object that a path leads to; NULL if there is another thing.
fn spark_object(path: &[String]) -> String {
    let Some((last, parents)) = path.split_last() else { return "body".to_owned() };
    let (parent, last) = (spark_object(parents), json_path::spark_key(last));
    format!(
        "if(to_json(udf.json_fields({parent})[{last}]) like '{{%', udf.json_texts({parent})[{last}], null)"
    )
}
