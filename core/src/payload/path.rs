//! Paths of fields in JSON, as people write them: keys separated by points, and a key that is no
//! bare one in double quotes, as JSON writes it: `user.id`, `"event.id"`, `labels."k8s.io/app"`.

use serde_json::Value;

/// The keys that lead to a field, from the outermost object on.
pub type FieldPath = Vec<String>;

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Two points in a row, or one at an end.
    #[error("a key is empty; write an empty key as `\"\"`")]
    EmptyKey,
    /// A quote that does not end, or that ends in the middle of a key.
    #[error("a key in quotes is a text of JSON, such as `\"event.id\"`")]
    Quotes,
}

/// The keys of a path.
///
/// # Errors
/// An empty key without quotes, and quotes that are no text of JSON.
pub fn parse(text: &str) -> Result<FieldPath, PathError> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let after = if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let Some(Ok(key)) = texts.next() else { return Err(PathError::Quotes) };
            path.push(key);
            &rest[texts.byte_offset()..]
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            if end == 0 {
                return Err(PathError::EmptyKey);
            }
            path.push(rest[..end].to_owned());
            &rest[end..]
        };
        if after.is_empty() {
            return Ok(path);
        }
        rest = after.strip_prefix('.').ok_or(PathError::Quotes)?;
    }
}

/// The path as a text that [`parse`] reads.
pub fn written(path: &[impl AsRef<str>]) -> String {
    let keys: Vec<String> = path.iter().map(|key| written_key(key.as_ref())).collect();
    keys.join(".")
}

fn written_key(key: &str) -> String {
    // A quote inside is no end: only one at the beginning would be taken for such.
    let is_bare = !key.is_empty() && !key.contains(['.', '"', '\\']);
    // TOML and terminals take no control characters; JSON leaves those from U+007F on as they are.
    if is_bare && !key.contains(char::is_control) {
        return key.to_owned();
    }
    let quoted = Value::from(key).to_string();
    quoted.chars().fold(String::new(), |text, c| {
        if c.is_control() {
            format!("{text}\\u{:04x}", u32::from(c))
        } else {
            text + &c.to_string()
        }
    })
}

/// The value at a path, or else at keys that have points in them and were written without quotes.
pub fn find<'a>(payload: &'a Value, text: &str) -> Option<&'a Value> {
    let exact = parse(text)
        .ok()
        .and_then(|path| path.iter().try_fold(payload, |value, key| value.get(key.as_str())));
    exact.or_else(|| find_without_quotes(payload, text))
}

fn find_without_quotes<'a>(payload: &'a Value, text: &str) -> Option<&'a Value> {
    let object = payload.as_object()?;
    object.get(text).or_else(|| {
        text.match_indices('.')
            .find_map(|(at, _)| find_without_quotes(object.get(&text[..at])?, &text[at + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, string::string_regex};
    use serde_json::json;

    use super::{PathError, find, parse, written};

    #[test]
    fn keys_are_bare_or_in_quotes() {
        for (text, keys) in [
            ("a", vec!["a"]),
            ("a.b-c.$d", vec!["a", "b-c", "$d"]),
            ("utm[source]", vec!["utm[source]"]),
            ("\"event.id\"", vec!["event.id"]),
            ("a.\"b.c\".d", vec!["a", "b.c", "d"]),
            ("\"\"", vec![""]),
            ("it's", vec!["it's"]),
            (r#""a\"b\\\u007f""#, vec!["a\"b\\\u{7f}"]),
        ] {
            let owned = keys.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(parse(text), Ok(owned), "{text}");
            assert_eq!(written(&keys), text);
        }
        for (text, error) in [
            ("", PathError::EmptyKey),
            ("a..b", PathError::EmptyKey),
            ("a.", PathError::EmptyKey),
            ("\"a", PathError::Quotes),
            ("\"a\"b", PathError::Quotes),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_point_in_a_key_needs_no_quotes_where_people_type() {
        let payload =
            json!({ "event.id": 1, "a": { "b.c": { "d": 2 } }, "x": { "y": 3 }, "x.y": 4 });
        for (text, value) in
            [("event.id", 1), ("\"event.id\"", 1), ("a.b.c.d", 2), ("x.y", 3), ("\"x.y\"", 4)]
        {
            assert_eq!(find(&payload, text), Some(&json!(value)), "{text}");
        }
        assert_eq!(find(&payload, "a.b"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            path in vec(string_regex("[a-c.\"'\\\\\\[\\] \u{0}-\u{1f}\u{7f}é]{0,5}").unwrap(), 1..4)
        ) {
            let text = written(&path);
            prop_assert!(!text.contains(char::is_control));
            prop_assert_eq!(parse(&text), Ok(path));
        }
    }
}
