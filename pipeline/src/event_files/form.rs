//! What a file of messages is made of, told by how it begins: a JSON object a line, a list in JSON,
//! objects over several lines, or something else that has to be made into one of these first.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

use serde::de::IgnoredAny;

/// How messages stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One a line, whatever the line holds.
    Lines,
    /// The elements of lists in JSON.
    List,
    /// Values in JSON that may go over several lines.
    Values,
}

/// What is no JSON at all, and how to make it JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is, such as `a zip archive`.
    pub what: &'static str,
    /// A command line that writes its messages to stdout, if there is one; `FILE` stands for its name.
    command: Option<&'static str>,
}

/// By the bytes with which a file of it begins.
const FOREIGN: &[(&[u8], Foreign)] = &[
    (b"PK\x03\x04", Foreign::new("a zip archive", "unzip -p FILE")),
    (b"\x28\xb5\x2f\xfd", Foreign::new("compressed by zstd", "zstd -dc FILE")),
    (b"BZh91AY", Foreign::new("compressed by bzip2", "bzip2 -dc FILE")),
    (b"\xfd7zXZ\x00", Foreign::new("compressed by xz", "xz -dc FILE")),
    (b"PAR1", Foreign::new("a Parquet file", "duckdb -jsonlines -c \"from 'FILE'\"")),
    (b"Obj\x01", Foreign::new("an Avro file", "avro-tools tojson FILE")),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
];
const UTF_16: Foreign = Foreign::new("text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE");
const CSV: Foreign = Foreign::new(
    "CSV, whose first line names columns",
    "duckdb -jsonlines -c \"from read_csv('FILE')\"",
);
const XML: Foreign = Foreign { what: "XML or HTML", command: None };

impl Foreign {
    const fn new(what: &'static str, command: &'static str) -> Self {
        Self { what, command: Some(command) }
    }

    /// What to do about it.
    pub fn hint(&self, file: &str) -> String {
        let form = "events are JSON objects: one a line, or the elements of a list";
        self.command.map_or_else(
            || form.to_owned(),
            |command| {
                let command = command.replace("FILE", file);
                format!(
                    "`{command} > events.ndjson` writes its messages into a file to take instead"
                )
            },
        )
    }
}

impl Form {
    /// Of a file that begins so.
    pub fn of(begin: &[u8]) -> Self {
        let text = begin.trim_ascii_start();
        match text.first() {
            Some(b'[') => {
                let inner = text[1..].trim_ascii_start();
                if matches!(inner.first(), None | Some(b'{' | b']')) {
                    Self::List
                } else {
                    Self::Lines
                }
            }
            Some(b'{') if goes_over_lines(text) => Self::Values,
            _ => Self::Lines,
        }
    }
}

/// Whether the first object is right, and its first line alone is not. Where its end is not in sight,
/// a line that begins with another object tells that the first line is a broken one.
fn goes_over_lines(text: &[u8]) -> bool {
    let Some(end) = text.iter().position(|byte| *byte == b'\n') else { return false };
    let line = serde_json::from_slice::<IgnoredAny>(&text[..end]);
    if !line.is_err_and(|error| error.is_eof()) {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let has_other_object = || text.windows(2).any(|pair| pair == b"\n{");
    match values.next() {
        Some(Ok(_)) => true,
        Some(Err(error)) => error.is_eof() && !has_other_object(),
        None => false,
    }
}

/// What a file is that begins so, if it is no text in UTF-8.
pub fn foreign(begin: &[u8]) -> Option<Foreign> {
    let known = FOREIGN.iter().find(|(magic, _)| begin.starts_with(magic));
    let is_wide = matches!(begin, [0, b'{' | b'[', 0, _, ..] | [b'{' | b'[', 0, _, 0, ..]);
    known.map(|(_, foreign)| *foreign).or(is_wide.then_some(UTF_16))
}

/// What text is that has no JSON in it, as far as its first lines tell.
pub fn foreign_text(lines: &[Vec<u8>]) -> Option<Foreign> {
    if lines.first()?.trim_ascii().starts_with(b"<") {
        return Some(XML);
    }
    let [first, second, ..] = lines else { return None };
    let count = |line: &[u8], separator: u8| line.split(|byte| *byte == separator).count();
    let is_table = |separator: &u8| {
        let columns = count(first, *separator);
        columns > 1 && columns == count(second, *separator)
    };
    [b',', b';', b'\t', b'|'].iter().any(is_table).then_some(CSV)
}

/// The objects of a line that holds several and nothing else; `None` for any other line.
pub fn joined(line: &[u8]) -> Option<VecDeque<Vec<u8>>> {
    let is_suspect = |pair: &[u8]| pair[0] == b'}' && matches!(pair[1], b'{' | b' ');
    if !line.starts_with(b"{") || !line.windows(2).any(is_suspect) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    let (mut objects, mut start) = (VecDeque::new(), 0);
    while let Some(value) = values.next() {
        value.ok()?;
        let object = line[start..values.byte_offset()].trim_ascii();
        if !object.starts_with(b"{") {
            return None;
        }
        objects.push_back(object.to_vec());
        start = values.byte_offset();
    }
    (objects.len() > 1).then_some(objects)
}

/// Cuts JSON values out of a text, one at a time: only their brackets and quotes are looked at.
#[derive(Debug)]
pub struct Cutter {
    is_list: bool,
    is_in_list: bool,
    line: u64,
}

impl Cutter {
    /// Of a file in a form other than lines.
    pub fn new(form: Form) -> Self {
        Self { is_list: form == Form::List, is_in_list: false, line: 1 }
    }

    /// The next value; `None` at the end.
    ///
    /// # Errors
    /// A value, or a list around values, that is never closed.
    pub fn next(&mut self, reader: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
        let mut value = Value::default();
        let mut begin_line = self.line;
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return self.ended(value, begin_line);
            }
            let mut used = 0;
            for &byte in bytes {
                if value.bytes.is_empty() && self.is_between(byte) {
                    used += 1;
                    self.line += u64::from(byte == b'\n');
                    begin_line = self.line;
                    continue;
                }
                if value.is_ended_before(byte) {
                    reader.consume(used);
                    return Ok(Some(value.bytes));
                }
                used += 1;
                self.line += u64::from(byte == b'\n');
                if value.push(byte) {
                    reader.consume(used);
                    return Ok(Some(value.bytes));
                }
            }
            reader.consume(used);
        }
    }

    /// Whether a byte stands between values.
    fn is_between(&mut self, byte: u8) -> bool {
        match byte {
            b'[' if self.is_list && !self.is_in_list => self.is_in_list = true,
            b']' if self.is_in_list => self.is_in_list = false,
            _ => return byte.is_ascii_whitespace() || byte == b',',
        }
        true
    }

    fn ended(&self, value: Value, begin_line: u64) -> io::Result<Option<Vec<u8>>> {
        let unclosed = |what: &str, line: u64| {
            let text = format!("{what} at line {line} is never closed: the file may be cut short");
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        };
        if value.depth > 0 || value.is_in_text {
            return unclosed("the value that begins", begin_line);
        }
        if self.is_in_list {
            return unclosed("the list whose last element ends", self.line);
        }
        Ok((!value.bytes.is_empty()).then_some(value.bytes))
    }
}

/// A value as far as it was read.
#[derive(Debug, Default)]
struct Value {
    bytes: Vec<u8>,
    depth: u32,
    is_in_text: bool,
    is_escaped: bool,
}

impl Value {
    /// Whether it is a number or a word, which ends where something else begins.
    fn is_ended_before(&self, byte: u8) -> bool {
        let is_end = byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'{' | b'[');
        !self.bytes.is_empty() && self.depth == 0 && !self.is_in_text && is_end
    }

    /// Takes a byte; whether the value is complete with it.
    fn push(&mut self, byte: u8) -> bool {
        self.bytes.push(byte);
        if self.is_in_text {
            self.is_in_text = self.is_escaped || byte != b'"';
            self.is_escaped = !self.is_escaped && byte == b'\\';
            return !self.is_in_text && self.depth == 0;
        }
        match byte {
            b'"' => self.is_in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{CSV, Cutter, Form, UTF_16, XML, foreign, foreign_text, joined};

    #[test]
    fn the_begin_of_a_file_tells_its_form() {
        for (begin, form) in [
            ("{\"a\":1}\n{\"a\":2}\n", Form::Lines),
            ("{\"a\":\n{\"a\":2}\n", Form::Lines),
            ("{\"a\":\"b\n{\"a\":2}\n", Form::Lines),
            ("[1,2]\n[3]\n", Form::Lines),
            ("no JSON\n", Form::Lines),
            ("[\n  {\"a\":1}\n]", Form::List),
            ("[{\"a\":1},{\"a\":2}]", Form::List),
            ("[]", Form::List),
            ("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", Form::Values),
            ("{ \"a\": {\n \"b\": [\n", Form::Values),
        ] {
            assert_eq!(Form::of(begin.as_bytes()), form, "{begin}");
        }
    }

    fn cut(text: &str, capacity: usize) -> Result<Vec<String>, String> {
        let mut reader = BufReader::with_capacity(capacity, text.as_bytes());
        let mut cutter = Cutter::new(Form::of(text.as_bytes()));
        let mut found = Vec::new();
        while let Some(value) = cutter.next(&mut reader).map_err(|error| error.to_string())? {
            found.push(String::from_utf8(value).expect("text"));
        }
        Ok(found)
    }

    #[test]
    fn values_are_cut_as_they_stand() {
        let list = "[ {\"a\": \"}]\\\"\"},\n 7, [1, {}], \"x, y\",null ]\n[{}]\n";
        let values = "{\n \"a\": {}\n}\n{\"b\":[\n]} {}";
        for capacity in [1, 3, 1000] {
            let found = cut(list, capacity).expect("a list");
            assert_eq!(found, ["{\"a\": \"}]\\\"\"}", "7", "[1, {}]", "\"x, y\"", "null", "{}"]);
            let found = cut(values, capacity).expect("values");
            assert_eq!(found, ["{\n \"a\": {}\n}", "{\"b\":[\n]}", "{}"]);
        }
        let unclosed = cut("[{\"a\":1},\n{\"a\":", 5).expect_err("it is cut short");
        assert!(unclosed.contains("begins at line 2 is never closed"), "{unclosed}");
        let unclosed = cut("[{\"a\":1},\n", 5).expect_err("it is cut short");
        assert!(unclosed.contains("never closed"), "{unclosed}");
    }

    #[test]
    fn objects_on_one_line_are_messages_each() {
        let found = joined(b"{\"a\":\"}{\"}{\"a\":2} {}").expect("three");
        assert_eq!(found, [b"{\"a\":\"}{\"}".to_vec(), b"{\"a\":2}".to_vec(), b"{}".to_vec()]);
        for line in [&b"{\"a\":\"}{\"}"[..], b"{}{", b"{}{} 7", b"{} x", b"[]{}"] {
            assert_eq!(joined(line), None);
        }
    }

    #[test]
    fn what_is_no_json_is_told() {
        let zip = foreign(b"PK\x03\x04rest").expect("a zip archive");
        assert_eq!(zip.what, "a zip archive");
        assert!(zip.hint("x.zip").contains("`unzip -p x.zip > "), "{}", zip.hint("x.zip"));
        for wide in [&b"\xff\xfe{\0"[..], b"{\0\"\0a\0", b"\0{\0\"\0a"] {
            assert_eq!(foreign(wide), Some(UTF_16));
        }
        assert_eq!(foreign(b"{\"a\":1}"), None);
        let lines = |texts: [&str; 2]| texts.map(|text| text.as_bytes().to_vec());
        assert_eq!(foreign_text(&lines(["id,at", "1,2026"])), Some(CSV));
        assert_eq!(foreign_text(&lines(["<a>", "</a>"])), Some(XML));
        assert_eq!(foreign_text(&lines(["once", "upon"])), None);
    }
}
