//! Payloads as values, read as the tables read them: of a name that stands twice the first counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The document that the bytes are.
pub fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Document>(bytes).map(|document| document.0)
}

/// A value; `serde_json::Value` would take the last of equal names.
struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor).map(Self)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Document(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Document(value))) = fields.next_entry::<String, _>()? {
            object.entry(name).or_insert(value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read;

    #[test]
    fn of_equal_names_the_first_counts() {
        let twice = br#" {"a":1,"b":{"c":null,"c":2},"a":[{"d":"x","d":"y"}]} "#;
        assert_eq!(read(twice).unwrap(), json!({ "a": 1, "b": { "c": null } }));
    }

    #[test]
    fn all_else_is_as_it_stands() {
        let body = r#"[{"x":true,"é":"\ud83d\ude00"},-1,18446744073709551615,1.5,[],{},null]"#;
        let plain: Value = serde_json::from_str(body).unwrap();
        assert_eq!(read(body.as_bytes()).unwrap(), plain);
        for broken in [&b"{\"a\":1"[..], b"{} x", b"\xff", b"NaN", b""] {
            assert!(read(broken).is_err());
        }
    }
}
