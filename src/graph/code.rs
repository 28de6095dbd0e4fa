//! What a table is a function of, apart from the contents of its inputs.

use std::collections::BTreeMap;

use crate::digest::Digest;

/// The parts of a table's code, by what a person would call them; a changed part is a reason to
/// build again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<&'static str, Digest>);

impl Code {
    /// The part that depends on who runs the SELECT: the functions that the query uses.
    pub const FUNCTIONS: &str = "functions";

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

    /// With another digest of a part.
    #[must_use]
    pub fn with(mut self, name: &'static str, part: Digest) -> Self {
        self.0.insert(name, part);
        self
    }

    /// The parts by name, as they are remembered with a build.
    pub fn parts(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, part)| ((*name).to_owned(), part.to_string())).collect()
    }

    /// The names of the parts that differ from what a build remembers.
    pub fn changed_since(&self, remembered: &BTreeMap<String, String>) -> Vec<&'static str> {
        let differs = |name: &str, part: &Digest| remembered.get(name) != Some(&part.to_string());
        self.0.iter().filter(|(name, part)| differs(name, part)).map(|(name, _)| *name).collect()
    }
}
