//! Which partitions of a table are stale, and why.

use std::collections::BTreeSet;

use jiff::ToSpan;

use super::snapshot::{Content, Partition, Snapshot, Stamp};
use crate::{
    contract::{BuildKind, TableName},
    digest::Digest,
    graph::{Domain, Graph, Input, Node, Reach},
    sql::bind::{Literal, Parameters},
};

/// A partition that must be built, and why.
#[derive(Clone, Debug)]
pub struct Stale {
    /// Which.
    pub partition: Partition,
    /// What it will be stamped with once built.
    pub stamp: Stamp,
    /// For people, such as `its SQL changed`.
    pub reason: String,
}

/// Compares what the warehouse holds with what the code and the inputs ask for.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'a> {
    /// The tables.
    pub graph: &'a Graph,
    /// What the warehouse holds.
    pub snapshot: &'a Snapshot,
}

impl Planner<'_> {
    /// Whether the table must be emptied first: what merged under other code, has other columns than
    /// the contract, or was hashed in another way, cannot be mended partition by partition.
    pub fn needs_reset(&self, node: &Node) -> bool {
        let epoch = self.epoch(node);
        let stamps = self.snapshot.stamps.get(node.name());
        self.snapshot.misshapen.contains(node.name())
            || stamps.into_iter().flatten().any(|(_, stamp)| stamp.epoch != epoch)
            || self.is_hashed_otherwise(node)
    }

    /// Whether the contents that are known of a table were hashed by another version of the engine. A
    /// view has none.
    fn is_hashed_otherwise(&self, node: &Node) -> bool {
        let stamps = self.snapshot.stamps.get(node.name());
        node.build() != BuildKind::View
            && stamps.into_iter().flatten().any(|(_, stamp)| !self.snapshot.hashes.are_of(stamp))
    }

    /// What a table must wait for before it begins anew. Merged rows are never unmerged: as long as
    /// something above is stale, it would merge what the old code made.
    pub fn waits_for(&self, node: &Node) -> Option<TableName> {
        if node.epoch.is_none() || !self.needs_reset(node) {
            return None;
        }
        let above = self.graph.with_upstream(&BTreeSet::from([node.name().clone()]));
        let is_stale = |name: &TableName| {
            let other = self.graph.node(name);
            name != node.name() && (self.needs_reset(other) || !self.stale(other).is_empty())
        };
        above.into_iter().find(is_stale)
    }

    /// The partitions to build, in order. After a reset that is all that are not empty.
    pub fn stale(&self, node: &Node) -> Vec<Stale> {
        let needs_reset = self.needs_reset(node);
        let stamps = self.snapshot.stamps.get(node.name()).filter(|_| !needs_reset);
        let mut found = Vec::new();
        for partition in self.partitions(node) {
            let stamp = self.wanted(node, partition);
            let last = stamps.and_then(|stamps| stamps.get(&partition));
            if last.and_then(|last| last.fingerprint) == stamp.fingerprint {
                continue;
            }
            let reason =
                if needs_reset { self.reset_reason(node) } else { reason(node, last, &stamp) };
            found.push(Stale { partition, stamp, reason });
        }
        found
    }

    /// The partitions that are not empty and not among `known`, for a build that was asked for.
    pub fn fresh_again(&self, node: &Node, known: &BTreeSet<Partition>) -> Vec<Stale> {
        let candidates = self.partitions(node).into_iter().filter(|p| !known.contains(p));
        candidates
            .map(|partition| (partition, self.wanted(node, partition)))
            .filter(|(_, stamp)| stamp.fingerprint.is_some())
            .map(|(partition, stamp)| Stale { partition, stamp, reason: "asked for".to_owned() })
            .collect()
    }

    /// The stamp of a partition that is built now.
    pub fn wanted(&self, node: &Node, partition: Partition) -> Stamp {
        let mut inputs = serde_json::Map::new();
        let mut digests = vec![node.code.digest().to_string()];
        // Before the first message there is nothing that a calendar or a seed could serve.
        let mut is_empty = node.window != Domain::Whole || self.last_load_date().is_none();
        for input in &node.inputs {
            let (digest, has_rows) = self.input_digest(input, partition);
            is_empty &= input.is_lookup || !has_rows || node.window == Domain::Whole;
            digests.push(format!("{} {digest}", input.table));
            inputs.insert(input.table.to_string(), digest.to_string().into());
        }
        if node.name().layer() == "mart" && partition > self.last_load_date() {
            is_empty = true;
        }
        for (name, value) in self.calendar(node) {
            digests.push(format!("{name} {value}"));
            inputs.insert(format!("@{name}"), value.to_string().into());
        }
        if self.snapshot.generation > 0 {
            digests.extend(self.epoch(node).map(|epoch| epoch.to_string()));
        }
        let fingerprint = Digest::of_texts(digests.iter().map(String::as_str));
        let mut code = node.code.to_json();
        if let Some(version) = self.snapshot.hashes.unlike_recorded() {
            code[Stamp::HASHES] = version.into();
        }
        Stamp {
            fingerprint: (!is_empty).then_some(fingerprint),
            epoch: self.epoch(node),
            code,
            inputs: inputs.into(),
        }
    }

    /// The calendar's parameters that the query uses, with their values.
    pub fn calendar(&self, node: &Node) -> Parameters {
        let mut values = Parameters::new();
        let Some((first, last)) = self.snapshot.load_dates(self.graph.sources()) else {
            return values;
        };
        let from = first.saturating_sub(self.graph.lateness_days_max.days()).first_of_year();
        let to = last.saturating_add(self.graph.skew_days_max.days()).last_of_year();
        let all =
            [("calendar_from_date", from), ("calendar_to_date", to), ("loaded_to_date", last)];
        for (name, date) in all {
            if node.calendar_parameters.contains(name) {
                values.insert(name.to_owned(), Literal::Date(date));
            }
        }
        values
    }

    fn last_load_date(&self) -> Partition {
        self.snapshot.load_dates(self.graph.sources()).map(|(_, last)| last)
    }

    fn epoch(&self, node: &Node) -> Option<Digest> {
        let generation = self.snapshot.generation.to_string();
        node.epoch.map(|epoch| match self.snapshot.generation {
            0 => epoch,
            _ => Digest::of_texts([epoch.to_string().as_str(), &generation]),
        })
    }

    /// Every partition that has rows of an input in reach, or was ever built.
    fn partitions(&self, node: &Node) -> BTreeSet<Partition> {
        let stamps = self.snapshot.stamps.get(node.name());
        let mut found: BTreeSet<Partition> =
            stamps.into_iter().flat_map(|stamps| stamps.keys().copied()).collect();
        if node.window == Domain::Whole {
            let has_data = self.last_load_date().is_some();
            found.extend(has_data.then_some(None));
            return found;
        }
        for input in node.inputs.iter().filter(|input| !input.is_lookup) {
            let Reach::Window(span) = input.reach else { continue };
            for date in self.snapshot.occupied_dates(&input.table) {
                found.extend(span.reached_by(date).map(Some));
            }
        }
        found.retain(|partition| {
            self.is_within(node, *partition) || self.is_stamped(node, *partition)
        });
        found
    }

    /// Technical tables end with the last load date, and so do marts: both speak of days that have
    /// begun to load.
    fn is_within(&self, node: &Node, partition: Partition) -> bool {
        let is_capped = node.window == Domain::LoadDate || node.name().layer() == "mart";
        !is_capped || partition <= self.last_load_date()
    }

    fn is_stamped(&self, node: &Node, partition: Partition) -> bool {
        self.snapshot.stamps.get(node.name()).is_some_and(|stamps| stamps.contains_key(&partition))
    }

    /// A digest of what a build of the partition would read, and whether that has any rows.
    fn input_digest(&self, input: &Input, partition: Partition) -> (Digest, bool) {
        let contents: Vec<(i64, Content)> = match (&input.reach, partition) {
            (Reach::Window(span), Some(date)) => span
                .read_by(date)
                .map(|(offset, date)| (offset, self.content(&input.table, Some(date))))
                .filter(|(_, content)| !content.is_empty())
                .collect(),
            (Reach::AsOf, Some(date)) => vec![(0, self.snapshot.content_up_to(&input.table, date))],
            _ => vec![(0, self.whole_content(&input.table))],
        };
        let texts: Vec<String> = contents
            .iter()
            .map(|(offset, content)| format!("{offset} {} {}", content.hash_sum, content.row_count))
            .collect();
        let has_rows = contents.iter().any(|(_, content)| !content.is_empty());
        (Digest::of_texts(texts.iter().map(String::as_str)), has_rows)
    }

    fn whole_content(&self, table: &TableName) -> Content {
        self.virtual_content(table, None).unwrap_or_else(|| self.snapshot.content_whole(table))
    }

    fn content(&self, table: &TableName, partition: Partition) -> Content {
        self.virtual_content(table, partition)
            .unwrap_or_else(|| self.snapshot.content(table, partition))
    }

    /// A view stores nothing: what it is made of stands for it.
    fn virtual_content(&self, table: &TableName, partition: Partition) -> Option<Content> {
        let node = self.graph.get(table)?;
        if node.build() != BuildKind::View {
            return None;
        }
        Some(self.wanted(node, partition).fingerprint.map_or(Content::EMPTY, Content::standing_for))
    }

    fn reset_reason(&self, node: &Node) -> String {
        if self.snapshot.misshapen.contains(node.name()) {
            return "its columns changed".to_owned();
        }
        if self.is_hashed_otherwise(node) {
            return format!("hashed by another version than {}", self.snapshot.hashes.running);
        }
        match node.build() {
            BuildKind::Merge | BuildKind::History => {
                "a new epoch: its code, or code above it, changed".to_owned()
            }
            _ => "it begins anew".to_owned(),
        }
    }
}

fn reason(node: &Node, last: Option<&Stamp>, wanted: &Stamp) -> String {
    let Some(last) = last else { return "never built".to_owned() };
    if wanted.fingerprint.is_none() {
        return "nothing is left of its inputs".to_owned();
    }
    let parts = node.code.changed_since(&last.code);
    if !parts.is_empty() {
        return format!("its {} changed", parts.join(" and "));
    }
    let empty = serde_json::Map::new();
    let changed: Vec<&str> = wanted
        .inputs
        .as_object()
        .unwrap_or(&empty)
        .iter()
        .filter(|(name, digest)| last.inputs.get(name.as_str()) != Some(digest))
        .map(|(name, _)| name.as_str())
        .collect();
    if changed.is_empty() {
        "it was built as empty".to_owned()
    } else {
        format!("{} changed", changed.join(" and "))
    }
}
