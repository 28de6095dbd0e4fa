//! Paths of fields in JSON, quoted for each engine.

use crate::sql::literal;

/// A path as a literal of DuckDB: `'$.user."utm[source]"'`. What its own paths cannot say is a JSON
/// pointer (RFC 6901), which DuckDB reads alike.
pub fn duckdb(path: &[String]) -> String {
    let is_unsayable = |key: &String| key.is_empty() || key == "*" || key.contains(['"', '\\']);
    if path.iter().any(is_unsayable) {
        let keys = path.iter().map(|key| key.replace('~', "~0").replace('/', "~1"));
        return literal::text(&keys.fold(String::new(), |pointer, key| pointer + "/" + &key));
    }
    literal::text(&dollar(path))
}

/// A path as a literal of GoogleSQL, whose backslash is an escape.
pub fn googlesql(path: &[String]) -> String {
    escaped(&dollar(path))
}

/// A key as a literal of Spark, whose backslash is an escape.
pub fn spark_key(key: &str) -> String {
    escaped(key)
}

fn dollar(path: &[String]) -> String {
    let is_bare = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    path.iter().fold("$".to_owned(), |whole, key| {
        if is_bare(key) {
            return format!("{whole}.{key}");
        }
        format!("{whole}.\"{}\"", key.replace('"', "\\\""))
    })
}

fn escaped(text: &str) -> String {
    let characters = text.chars().map(|c| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("'{}'", characters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{duckdb, googlesql, spark_key};

    #[test]
    fn each_engine_gets_its_own_quotes() {
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        for (keys, expected_duckdb, expected_googlesql) in [
            (&["a", "b_1"][..], "'$.a.b_1'", "'$.a.b_1'"),
            (&["event.id"], "'$.\"event.id\"'", "'$.\"event.id\"'"),
            (&["utm[source]", "0"], "'$.\"utm[source]\".\"0\"'", "'$.\"utm[source]\".\"0\"'"),
            (&["it's"], "('$.\"it' || chr(39) || 's\"')", "'$.\"it\\'s\"'"),
            (&["q\"x/y~"], "'/q\"x~1y~0'", "'$.\"q\\\\\"x/y~\"'"),
            (&["", "*"], "'//*'", "'$.\"\".\"*\"'"),
            (&["\u{1}"], "('$.\"' || chr(1) || '\"')", "'$.\"\\u0001\"'"),
        ] {
            assert_eq!(duckdb(&path(keys)), expected_duckdb);
            assert_eq!(googlesql(&path(keys)), expected_googlesql);
        }
        assert_eq!(spark_key("it's\n\\"), "'it\\'s\\u000a\\\\'");
    }
}
