//! What a table is a function of, apart from the contents of its inputs.

use std::collections::BTreeMap;

use crate::digest::Digest;

/// The parts of a table's code, by what a person would call them; a changed part is a reason to
/// build again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<&'static str, Digest>);

impl Code {
    /// From the parts, such as `("SQL", digest)`.
    pub fn new(parts: impl IntoIterator<Item = (&'static str, Digest)>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// One digest for all.
    pub fn digest(&self) -> Digest {
        let texts: Vec<String> =
            self.0.iter().map(|(name, part)| format!("{name} {part}")).collect();
        Digest::of_texts(texts.iter().map(String::as_str))
    }

    /// The parts by name, as they are remembered with a build.
    pub fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(|(name, part)| ((*name).to_owned(), part.to_string())).collect()
    }

    /// The names of the parts that differ from what a build remembers.
    pub fn changed_since(&self, remembered: &serde_json::Value) -> Vec<&'static str> {
        let differs = |name: &str, part: &Digest| {
            remembered.get(name).and_then(|v| v.as_str()) != Some(part.to_string().as_str())
        };
        self.0.iter().filter(|(name, part)| differs(name, part)).map(|(name, _)| *name).collect()
    }
}
