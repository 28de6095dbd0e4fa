//! What a table is a function of, apart from the contents of its inputs.

use std::collections::BTreeMap;

use super::{Graph, Input, Node};
use crate::{contract::EngineName, digest::Digest};

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

/// Everything that a table reads, directly or not, in order of name.
pub fn tables_above<'a>(inputs: &[Input], graph: &'a Graph) -> Vec<&'a Node> {
    let direct = inputs.iter().map(|input| input.table.clone());
    let known = direct.filter(|name| graph.nodes.contains_key(name)).collect();
    graph.with_upstream(&known).iter().map(|name| &graph.nodes[name]).collect()
}

/// Merged rows stay when what made them is gone, so a merge depends on all code above it: the
/// valid messages only grow as long as the code says the same of each.
pub fn epoch_digest(own: Digest, above: &[&Node]) -> Digest {
    let digests: Vec<String> = std::iter::once(own)
        .chain(above.iter().map(|node| node.code.digest()))
        .map(|digest| digest.to_string())
        .collect();
    Digest::of_texts(digests.iter().map(String::as_str))
}

/// By engine, its functions for a table and for everything above it.
pub fn functions_above(
    own: &BTreeMap<EngineName, Digest>,
    above: &[&Node],
) -> BTreeMap<EngineName, Digest> {
    let all = |(engine, own): (&EngineName, &Digest)| {
        let above = above.iter().filter_map(|node| node.functions_beside.get(engine));
        let all: Vec<String> = std::iter::once(own).chain(above).map(ToString::to_string).collect();
        (*engine, Digest::of_texts(all.iter().map(String::as_str)))
    };
    own.iter().map(all).collect()
}
