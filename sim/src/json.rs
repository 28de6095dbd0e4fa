//! A small writer of JSON objects, which can be told to leave out or falsify fields.
//!
//! Payloads are written by hand because there are hundreds of thousands, because their bytes must
//! never change by an update of a library, and because broken ones must be written as well.

use crate::time::MicrosUtc;

/// What is wrong with one field of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The field is not there.
    Missing(&'static str),
    /// The field is null.
    Null(&'static str),
    /// The field holds this JSON text instead.
    Instead(&'static str, &'static str),
}

impl Defect {
    const fn field(self) -> &'static str {
        match self {
            Defect::Missing(field) | Defect::Null(field) | Defect::Instead(field, _) => field,
        }
    }
}

/// Writes one JSON object, nested objects included.
pub(crate) struct ObjectWriter<'a> {
    bytes: &'a mut Vec<u8>,
    defects: &'a [Defect],
}

impl<'a> ObjectWriter<'a> {
    /// An object behind what is in `bytes`.
    pub(crate) fn new(bytes: &'a mut Vec<u8>, defects: &'a [Defect]) -> ObjectWriter<'a> {
        bytes.push(b'{');
        ObjectWriter { bytes, defects }
    }

    pub(crate) fn string(&mut self, name: &'static str, value: &str) {
        if self.begins(name) {
            write_string(self.bytes, value);
        }
    }

    pub(crate) fn optional_string(&mut self, name: &'static str, value: Option<&str>) {
        match value {
            Some(value) => self.string(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str, value: i64) {
        if self.begins(name) {
            write_integer(self.bytes, value);
        }
    }

    pub(crate) fn boolean(&mut self, name: &'static str, value: bool) {
        if self.begins(name) {
            self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    pub(crate) fn instant(&mut self, name: &'static str, value: MicrosUtc) {
        if self.begins(name) {
            self.bytes.push(b'"');
            value.write_rfc3339(self.bytes);
            self.bytes.push(b'"');
        }
    }

    pub(crate) fn null(&mut self, name: &'static str) {
        if self.begins(name) {
            self.bytes.extend_from_slice(b"null");
        }
    }

    /// Begins an object inside the object; what follows stands in it until [`Self::close`].
    pub(crate) fn open(&mut self, name: &'static str) {
        self.key(name);
        self.bytes.push(b'{');
    }

    pub(crate) fn close(&mut self) {
        self.bytes.push(b'}');
    }

    pub(crate) fn finish(self) {
        self.bytes.push(b'}');
    }

    /// Writes the key, and says whether the value is to follow.
    fn begins(&mut self, name: &'static str) -> bool {
        if self.defects.is_empty() {
            self.key(name);
            return true;
        }
        let defect = self.defects.iter().find(|defect| defect.field() == name);
        if !matches!(defect, Some(Defect::Missing(_))) {
            self.key(name);
        }
        match defect {
            None => return true,
            Some(Defect::Missing(_)) => {}
            Some(Defect::Null(_)) => self.bytes.extend_from_slice(b"null"),
            Some(Defect::Instead(_, text)) => self.bytes.extend_from_slice(text.as_bytes()),
        }
        false
    }

    fn key(&mut self, name: &'static str) {
        self.bytes.reserve(name.len() + 4);
        if self.bytes.last() != Some(&b'{') {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }
}

fn write_integer(bytes: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), value.unsigned_abs());
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10).to_le_bytes()[0];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        bytes.push(b'-');
    }
    bytes.extend_from_slice(&digits[start..]);
}

/// Writes the first hexadecimal digits of the bits, as many as there is room for.
pub(crate) fn write_hexadecimal(bits: u64, digits: &mut [u8]) {
    let mut rest = bits;
    for digit in digits {
        rest = rest.rotate_left(4);
        *digit = b"0123456789abcdef"[usize::from(rest.to_le_bytes()[0] & 0xF)];
    }
}

/// Escapes as JSON demands, and nothing more. A line feed becomes an escape as well, so that no
/// payload holds the byte.
fn write_string(bytes: &mut Vec<u8>, value: &str) {
    bytes.push(b'"');
    // Without a way out of the loop it is done for many bytes at a time.
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if !value.bytes().fold(false, |found, byte| found | is_special(byte)) {
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'"');
        return;
    }
    for &byte in value.as_bytes() {
        match byte {
            b'"' | b'\\' => bytes.extend_from_slice(&[b'\\', byte]),
            0..=0x1F => bytes.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => bytes.push(byte),
        }
    }
    bytes.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{Defect, ObjectWriter};

    fn write(defects: &[Defect]) -> String {
        let mut bytes = Vec::new();
        let mut object = ObjectWriter::new(&mut bytes, defects);
        object.string("a", "q\"b\\n\nü");
        object.open("inner");
        object.integer("b", -3);
        object.close();
        object.boolean("c", true);
        object.finish();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn objects_nest_and_strings_are_escaped() {
        let text = write(&[]);
        assert_eq!(text, r#"{"a":"q\"b\\n\u000aü","inner":{"b":-3},"c":true}"#);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["a"], "q\"b\\n\nü");
    }

    #[test]
    fn integers_are_written_in_full() {
        for value in [0, 7, -10, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            super::write_integer(&mut bytes, value);
            assert_eq!(String::from_utf8(bytes).unwrap(), value.to_string());
        }
    }

    #[test]
    fn a_defect_touches_its_field_only() {
        assert_eq!(write(&[Defect::Missing("b")]), r#"{"a":"q\"b\\n\u000aü","inner":{},"c":true}"#);
        assert!(write(&[Defect::Null("a")]).starts_with(r#"{"a":null,"#));
        assert!(write(&[Defect::Instead("c", "1.5")]).ends_with(r#""c":1.5}"#));
    }
}
