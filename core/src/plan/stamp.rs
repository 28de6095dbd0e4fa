//! What a build remembers of what it was made of.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{contract::EngineName, digest::Digest};

/// What a partition was last built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Of code and inputs; `None`: built as empty.
    pub fingerprint: Option<Digest>,
    /// The code above a merge; a stamp of another epoch makes the whole table begin anew.
    pub epoch: Option<Digest>,
    /// The code, part by part. Partitions that were built together share it.
    pub code: Arc<StampedCode>,
    /// The digests of the inputs, by table, as JSON. Only who asks for a reason reads it.
    pub inputs: Arc<str>,
}

/// The code that a partition was built with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampedCode {
    /// How its contents were hashed, where that is not how the journal says for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<String>,
    /// The engine that ran the SELECT, if it was not the warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
    /// Of a merge: by engine besides the warehouse that had made rows above it, the digest of that
    /// engine's functions for it and for all that is above it.
    #[serde(default, rename = "functions above it", skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<EngineName, String>,
    /// The digests of its parts, by name.
    #[serde(flatten)]
    pub parts: BTreeMap<String, String>,
}

impl StampedCode {
    /// As the journal keeps it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts under texts are JSON")
    }
}
