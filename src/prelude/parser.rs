//! The payload parsers, `udf.parse_<source>(body)`, generated from the sources' contracts, one for
//! each engine.
//!
//! All of them mean the same (`docs/adr/0010-payloads-are-read-alike.md`): NULL for what is not a
//! JSON object, else a struct of texts, NULL where a field is missing or null. Of a name that stands
//! twice the first counts. An object or an array in a field's place is there as `{}` or `[]`, so
//! that it is a wrong type and not a missing field. The types are checked later, by `udf.safe_*`.

use std::fmt::Write as _;

use crate::contract::source::SourceContract;

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
    let transformed = format!("json_transform(try_cast(body as json), '{}')", shape(contract));
    let looks_lenient: Vec<String> =
        DUCKDB_LENIENT.map(|regex| format!("regexp_matches(body, '{regex}')")).to_vec();
    let is_lenient = format!(
        "regexp_matches(system.main.regexp_replace(body, '{JSON_TEXT}', '0', 'g'), '{DUCKDB_LENIENT_FOR_SURE}')"
    );
    let mut fields = String::new();
    let mut first = String::new();
    for (name, path) in contract.paths() {
        let separator = if fields.is_empty() { "" } else { ", " };
        let text = path.iter().fold("parsed".to_owned(), |text, part| text + ".\"" + part + "\"");
        if first.is_empty() {
            first.clone_from(&text);
        }
        let kind = format!("json_type(body, '$.{}')", path.join("."));
        let _ = write!(
            fields,
            "{separator}'{name}': case when starts_with({text}, '{{') or starts_with({text}, '[') \
             then case {kind} when 'OBJECT' then '{{}}' when 'ARRAY' then '[]' else {text} end \
             else {text} end"
        );
    }
    // Of what is no object all fields are NULL. The fields stand here once: to bind them takes
    // longer than to parse some messages.
    format!(
        "create or replace macro udf.parse_{source}(body) as (select case \
         when parsed is null then null \
         when {first} is null and json_type(body) <> 'OBJECT' then null \
         else {{{fields}}} end \
         from (select if(({}) and {is_lenient}, null, {transformed}) as parsed))",
        looks_lenient.join(" or ")
    )
}

/// `{"event_id":"VARCHAR","properties":{"order_id":"VARCHAR"}}`
fn shape(contract: &SourceContract) -> String {
    let mut shape = serde_json::Map::new();
    for (_, path) in contract.paths() {
        let (last, parents) = path.split_last().expect("a path has a name");
        let mut object = &mut shape;
        for parent in parents {
            object = object
                .entry(*parent)
                .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()))
                .as_object_mut()
                .expect("a field is either a value or an object, never both");
        }
        object.insert((*last).to_owned(), "VARCHAR".into());
    }
    serde_json::Value::Object(shape).to_string()
}

/// GoogleSQL reads the document as JSON, and the numbers' texts from the body: JSON has no texts.
pub fn bigquery(source: &str, contract: &SourceContract) -> String {
    let field = |(name, path): (&str, Vec<&str>)| {
        let path = path.join(".");
        format!(
            "      udf.json_text(json_query(document, '$.{path}'), json_value(body, '$.{path}')) as {name}"
        )
    };
    let fields: Vec<String> = contract.paths().map(field).collect();
    format!(
        "create or replace function udf.parse_{source}(body STRING) as ((\n  \
         select if(json_type(document) = 'object',\n    struct(\n{}\n    ),\n    null)\n  \
         from (select udf.json_document(body) as document)\n))",
        fields.join(",\n")
    )
}

/// Spark reads the document twice: once for the texts, once for what they are.
pub fn spark(source: &str, contract: &SourceContract) -> String {
    let mut kinds = Vec::new();
    let mut fields = Vec::new();
    for (name, path) in contract.paths() {
        let (last, parents) = path.split_last().expect("a path has a name");
        let object = spark_object(parents);
        kinds.push(format!("{name}: STRING"));
        fields.push(format!(
            "    '{name}', udf.json_text(udf.json_texts({object})['{last}'], udf.json_fields({object})['{last}'])"
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
fn spark_object(path: &[&str]) -> String {
    let Some((last, parents)) = path.split_last() else { return "body".to_owned() };
    let parent = spark_object(parents);
    format!(
        "if(to_json(udf.json_fields({parent})['{last}']) like '{{%', udf.json_texts({parent})['{last}'], null)"
    )
}
