//! The payload parsers, `udf.parse_<source>(body)`, generated from the sources' contracts, one for
//! each engine.
//!
//! All of them mean the same (`docs/adr/0010-payloads-are-read-alike.md`): NULL for what is not a
//! JSON object, else a struct of texts, NULL where a field is missing or null. Of a name that stands
//! twice the first counts. An object or an array in a field's place is there as its text, as it was
//! sent, but for the blanks. The types are checked later, by `udf.safe_*`.

use serde_json::{Map, Value};

use super::json_path;
use crate::{contract::source::SourceContract, payload::path::FieldPath};

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

/// One struct parse of the body. Fields are looked at again only where there is something to see.
pub fn duckdb(source: &str, contract: &SourceContract) -> String {
    let shape = Shape::of(contract);
    let transformed = format!("json_transform(try_cast(body as json), '{}')", shape.text());
    let looks_lenient: Vec<String> =
        DUCKDB_LENIENT.map(|regex| format!("regexp_matches(body, '{regex}')")).to_vec();
    let is_lenient = format!(
        "regexp_matches(system.main.regexp_replace(body, '{JSON_TEXT}', '0', 'g'), '{DUCKDB_LENIENT_FOR_SURE}')"
    );
    let (mut fields, mut looks_whole, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (position, (name, path)) in contract.paths().enumerate() {
        let text = if shape.has(&path) {
            parsed(&path)
        } else {
            format!("json_extract_string(try_cast(body as json), {})", json_path::duckdb(&path))
        };
        let is_whole = format!("starts_with({text}, '{{') or starts_with({text}, '[')");
        // A text may begin so, too; then there is nothing at its position.
        fields.push(format!(
            "'{name}': case when {is_whole} then ifnull(wholes[{}], {text}) else {text} end",
            position + 1
        ));
        looks_whole.push(is_whole);
        places.push(format!("'{}'", coded_path(&path)));
    }
    if looks_whole.is_empty() {
        looks_whole.push("false".to_owned());
    }
    // Of what is no object all fields are NULL. The fields stand here once: to bind them takes
    // longer than to parse some messages.
    format!(
        "create or replace macro udf.parse_{source}(body) as (select case \
         when parsed is null then null \
         when {} is null and json_type(body) <> 'OBJECT' then null \
         else {{{}}} end \
         from (select parsed, case when {} then engine.json_wholes(body, [{}]) end as wholes \
         from (select if(({}) and {is_lenient}, null, {transformed}) as parsed)))",
        shape.first,
        fields.join(", "),
        looks_whole.join(" or "),
        places.join(", "),
        looks_lenient.join(" or ")
    )
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
pub fn bigquery(source: &str, contract: &SourceContract) -> String {
    let field = |(name, path): (&str, FieldPath)| {
        let (coded, path) = (coded_path(&path), json_path::googlesql(&path));
        format!(
            "      udf.json_text(\n        json_query(document, {path}), json_value(body, {path}),\n        \
             json_query(coded, '{coded}')\n      ) as {name}"
        )
    };
    let fields: Vec<String> = contract.paths().map(field).collect();
    format!(
        "create or replace function udf.parse_{source}(body STRING) as ((\n  \
         select if(json_type(document) = 'object',\n    struct(\n{}\n    ),\n    null)\n  \
         from (select udf.json_document(body) as document, udf.json_coded(body) as coded)\n))",
        fields.join(",\n")
    )
}

/// Spark reads the document twice: once for the texts, once for what they are. What takes objects and
/// arrays out of the coded document stands here and is no function: Spark gives none to a lambda.
pub fn spark(source: &str, contract: &SourceContract) -> String {
    let mut kinds = Vec::new();
    let mut fields = Vec::new();
    for (name, path) in contract.paths() {
        let (last, parents) = path.split_last().expect("a path has a name");
        let (object, last) = (spark_object(parents), json_path::spark_key(last));
        let field = format!("udf.json_fields({object})[{last}]");
        let coded = path.iter().fold("udf.json_coded(body)".to_owned(), |object, key| {
            format!("from_json({object}, 'MAP<STRING, STRING>')['{}']", coded_key(key))
        });
        kinds.push(format!("{name}: STRING"));
        fields.push(format!(
            "    '{name}', ifnull(\n      \
             if(substr(to_json({field}), 1, 1) in ('{{', '['), array_join(transform(\n        \
             regexp_extract_all({coded}, '\"[^\"]*\"|[^\"]+', 0),\n        \
             part -> if(startswith(part, '\"'), \
             cast(unhex(substr(part, 3, length(part) - 3)) as STRING), part)\n      \
             ), ''), null),\n      \
             udf.json_text(udf.json_texts({object})[{last}], {field})\n    )"
        ));
    }
    format!(
        "create or replace function udf.parse_{source}(body STRING)\n  returns STRUCT<{}>\n  \
         return if(udf.json_texts(body) is null or udf.json_fields(body) is null, null, named_struct(\n{}\n  ))",
        kinds.join(", "),
        fields.join(",\n")
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
