//! Which message a subscription may get next: leases and the order of keys. All in memory and
//! without I/O; after a restart every unacknowledged message is deliverable again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use lakebed_ports::bus::SubscriptionConfig;

use super::sequence_set::SequenceSet;

/// One subscription's place in its topic.
pub struct SubscriptionState {
    pub config: SubscriptionConfig,
    acknowledged: SequenceSet,
    /// The least sequence number that no pull has looked at.
    cursor: u64,
    /// Below the cursor, given back, deliverable.
    ready: BTreeMap<u64, Option<Arc<str>>>,
    leases: HashMap<u64, Lease>,
    /// Of an ordered subscription: the keys that have a leased message.
    keys: HashMap<Arc<str>, KeyState>,
    lease_number_last: u64,
    pull_number: u64,
}

struct Lease {
    number: u64,
    key: Option<Arc<str>>,
}

#[derive(Default)]
struct KeyState {
    leased: BTreeSet<u64>,
    /// Not deliverable until nothing of the key is leased.
    waiting: BTreeSet<u64>,
    /// The pull that leased the key: only this pull may lease more of it.
    pull_number: u64,
}

impl SubscriptionState {
    pub fn new(config: SubscriptionConfig, acknowledged: SequenceSet) -> Self {
        Self {
            config,
            cursor: acknowledged.watermark(),
            acknowledged,
            ready: BTreeMap::new(),
            leases: HashMap::new(),
            keys: HashMap::new(),
            lease_number_last: 0,
            pull_number: 0,
        }
    }

    /// Starts a pull: what earlier pulls leased of a key blocks the rest of it.
    pub fn begin_pull(&mut self) {
        self.pull_number += 1;
    }

    /// The next message below `end` that this pull could lease, if its key allows.
    pub fn candidate(&mut self, end: u64) -> Option<u64> {
        while let Some((&sequence, key)) = self.ready.first_key_value() {
            let key = key.clone();
            if self.acknowledged.contains(sequence) {
                self.ready.pop_first();
            } else if let Some(state) = self.blocking(key.as_ref()) {
                state.waiting.insert(sequence);
                self.ready.pop_first();
            } else {
                return Some(sequence);
            }
        }
        while self.cursor < end && self.acknowledged.contains(self.cursor) {
            self.cursor += 1;
        }
        (self.cursor < end).then_some(self.cursor)
    }

    /// Leases the candidate and gives the lease's number, or sets it aside if its key forbids.
    pub fn lease(&mut self, sequence: u64, key: Option<&Arc<str>>) -> Option<u64> {
        if self.ready.remove(&sequence).is_none() {
            self.cursor = sequence + 1;
        }
        if let Some(state) = self.blocking(key) {
            state.waiting.insert(sequence);
            return None;
        }
        self.lease_number_last += 1;
        let number = self.lease_number_last;
        if let Some(key) = key.filter(|_| self.config.is_ordered) {
            let state = self.keys.entry(Arc::clone(key)).or_default();
            state.leased.insert(sequence);
            state.pull_number = self.pull_number;
        }
        self.leases.insert(sequence, Lease { number, key: key.cloned() });
        Some(number)
    }

    /// Takes note of an acknowledgement that is durable.
    pub fn acknowledge(&mut self, sequence: u64) {
        if self.acknowledged.insert(sequence) {
            self.ready.remove(&sequence);
            if let Some(lease) = self.leases.remove(&sequence) {
                self.settle(lease.key.as_ref(), &[sequence]);
            }
        }
    }

    /// Gives back a lease, unless it has ended.
    pub fn release(&mut self, sequence: u64, number: u64) {
        if self.leases.get(&sequence).is_some_and(|lease| lease.number == number) {
            self.give_back(sequence);
        }
    }

    /// How many messages below `end` are not acknowledged.
    pub fn backlog(&self, end: u64) -> u64 {
        self.acknowledged.missing_below(end)
    }

    /// The key's state, if an earlier pull holds a lease of it.
    fn blocking(&mut self, key: Option<&Arc<str>>) -> Option<&mut KeyState> {
        let state = self.keys.get_mut(key?)?;
        (state.pull_number != self.pull_number).then_some(state)
    }

    /// Ends a lease without acknowledgement, and those of the key's later messages.
    fn give_back(&mut self, sequence: u64) {
        let Some(lease) = self.leases.get(&sequence) else { return };
        let key = lease.key.clone();
        let given_back: Vec<u64> = match key.as_ref().and_then(|key| self.keys.get(key)) {
            Some(state) => state.leased.range(sequence..).copied().collect(),
            None => vec![sequence],
        };
        for sequence in &given_back {
            if self.leases.remove(sequence).is_some() {
                self.ready.insert(*sequence, key.clone());
            }
        }
        self.settle(key.as_ref(), &given_back);
    }

    /// After leases of a key ended: frees what waited, if no lease is left.
    fn settle(&mut self, key: Option<&Arc<str>>, ended: &[u64]) {
        let Some(key) = key else { return };
        let Some(state) = self.keys.get_mut(key) else { return };
        for sequence in ended {
            state.leased.remove(sequence);
        }
        if state.leased.is_empty() {
            let waiting = std::mem::take(&mut state.waiting);
            self.keys.remove(key);
            self.ready.extend(waiting.into_iter().map(|sequence| (sequence, Some(key.clone()))));
        }
    }
}
