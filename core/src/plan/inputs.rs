//! What a table reads, and the digest of it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::ToSpan;

use super::{
    snapshot::Partition,
    sums::{Read, Sums},
};
use crate::{
    contract::EngineName,
    digest::Digest,
    graph::{Domain, Input, Node, Reach},
};

/// What a table reads, partition by partition.
pub struct Inputs<'a> {
    /// The table.
    pub node: &'a Node,
    /// By engine: the digest of the code, of the names of what is read, and of the calendar.
    pub bases: Vec<(Option<EngineName>, Digest)>,
    /// The contents of each input.
    pub sums: Vec<(&'a Input, Arc<Sums>)>,
    /// The calendar's parameters, with their values.
    pub calendar: Vec<(String, String)>,
    /// Of any source; `None` before the first message.
    pub last_load_date: Partition,
}

impl Inputs<'_> {
    /// The digest of all that a partition is made of when an engine runs the SELECT; `None` if it is
    /// empty. `read` is what it reads of each input.
    pub fn fingerprint(
        &self,
        engine: Option<EngineName>,
        partition: Partition,
        read: &mut Vec<[u8; 16]>,
    ) -> Option<Digest> {
        read.clear();
        let is_whole = self.node.window == Domain::Whole;
        // Before the first message there is nothing that a calendar or a seed could serve.
        let mut is_empty = !is_whole || self.last_load_date.is_none();
        for (input, sums) in &self.sums {
            let found = read_by(input, sums, partition);
            is_empty &= input.is_lookup || !found.has_rows || is_whole;
            read.push(found.sum.to_be_bytes());
        }
        if self.node.name().layer() == "mart" && partition > self.last_load_date {
            is_empty = true;
        }
        if is_empty {
            return None;
        }
        let known = self.bases.iter().find(|(known, _)| *known == engine);
        let (_, base) = known.unwrap_or(&self.bases[0]);
        let base = base.number().to_be_bytes();
        Some(Digest::of(std::iter::once(&base[..]).chain(read.iter().map(|sum| &sum[..]))))
    }

    /// What is read, by name, so that a later plan can say what changed.
    pub fn to_json(&self, read: &[[u8; 16]]) -> String {
        let sums = self.sums.iter().zip(read).map(|((input, _), sum)| {
            (input.table.to_string(), format!("{:032x}", u128::from_be_bytes(*sum)))
        });
        let all: BTreeMap<String, String> = sums.chain(self.calendar.iter().cloned()).collect();
        serde_json::to_string(&all).unwrap_or_default()
    }
}

/// What a build of a partition reads of an input.
fn read_by(input: &Input, sums: &Sums, partition: Partition) -> Read {
    match (&input.reach, partition) {
        (Reach::Window(span), Some(date)) => {
            let from = date.saturating_sub(span.days_before.days());
            sums.between(from, date.saturating_add(span.days_after.days()))
        }
        (Reach::AsOf, Some(date)) => sums.up_to(date),
        _ => sums.whole(),
    }
}
