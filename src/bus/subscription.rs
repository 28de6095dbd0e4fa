//! Which message a subscription may get next: leases, deadlines and the order of keys. All in
//! memory and without I/O; after a restart every unacknowledged message is deliverable again.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{AckId, BusError, SubscriptionConfig, sequence_set::SequenceSet};

/// One subscription's place in its topic. Times are by the bus's monotonic clock.
pub struct SubscriptionState {
    pub config: SubscriptionConfig,
    acknowledged: SequenceSet,
    /// The least sequence number that no pull has looked at.
    cursor: u64,
    /// Below the cursor, given back, deliverable.
    ready: BTreeMap<u64, Option<Arc<str>>>,
    leases: HashMap<u64, Lease>,
    /// May hold entries of leases that ended or were extended; looked up when they are due.
    deadlines: BinaryHeap<Reverse<(Duration, u64, u64)>>,
    /// Of an ordered subscription: the keys that have a leased message.
    keys: HashMap<Arc<str>, KeyState>,
    /// Attempts so far of messages that were given back.
    attempts: HashMap<u64, u32>,
    lease_number_last: u64,
    pull_number: u64,
}

struct Lease {
    number: u64,
    deadline: Duration,
    attempt: u32,
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
            deadlines: BinaryHeap::new(),
            keys: HashMap::new(),
            attempts: HashMap::new(),
            lease_number_last: 0,
            pull_number: 0,
        }
    }

    /// Starts a pull: what its deadline has passed is deliverable again.
    pub fn begin_pull(&mut self, now: Duration) {
        self.pull_number += 1;
        while let Some(&Reverse((due, sequence, number))) = self.deadlines.peek()
            && due <= now
        {
            self.deadlines.pop();
            let Some(lease) = self.leases.get(&sequence).filter(|lease| lease.number == number)
            else {
                continue;
            };
            if lease.deadline <= now {
                self.give_back(sequence);
            } else {
                self.deadlines.push(Reverse((lease.deadline, sequence, number)));
            }
        }
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

    /// Leases the candidate, or sets it aside if its key forbids.
    pub fn lease(
        &mut self,
        sequence: u64,
        key: Option<&Arc<str>>,
        now: Duration,
    ) -> Option<(AckId, u32)> {
        if self.ready.remove(&sequence).is_none() {
            self.cursor = sequence + 1;
        }
        if let Some(state) = self.blocking(key) {
            state.waiting.insert(sequence);
            return None;
        }
        self.lease_number_last += 1;
        let number = self.lease_number_last;
        let deadline = now + self.config.ack_deadline;
        let attempt = self.attempts.remove(&sequence).unwrap_or(0) + 1;
        if let Some(key) = key.filter(|_| self.config.is_ordered) {
            let state = self.keys.entry(Arc::clone(key)).or_default();
            state.leased.insert(sequence);
            state.pull_number = self.pull_number;
        }
        self.leases.insert(sequence, Lease { number, deadline, attempt, key: key.cloned() });
        self.deadlines.push(Reverse((deadline, sequence, number)));
        Some((ack_id(sequence, number), attempt))
    }

    /// Takes note of an acknowledgement that is durable.
    pub fn acknowledge(&mut self, sequence: u64) {
        if self.acknowledged.insert(sequence) {
            self.ready.remove(&sequence);
            self.attempts.remove(&sequence);
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

    /// Moves the end of a lease, unless it has ended.
    pub fn extend(&mut self, sequence: u64, number: u64, deadline: Duration) {
        if let Some(lease) = self.leases.get_mut(&sequence).filter(|lease| lease.number == number) {
            if deadline < lease.deadline {
                self.deadlines.push(Reverse((deadline, sequence, number)));
            }
            lease.deadline = deadline;
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
            if let Some(lease) = self.leases.remove(sequence) {
                self.attempts.insert(*sequence, lease.attempt);
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

fn ack_id(sequence: u64, lease_number: u64) -> AckId {
    AckId(format!("{sequence}.{lease_number}"))
}

/// The sequence number and the lease number in an acknowledgement id.
pub fn parse_ack_id(ack_id: &AckId) -> Result<(u64, u64), BusError> {
    let parse = || {
        let (sequence, lease_number) = ack_id.0.split_once('.')?;
        Some((sequence.parse().ok()?, lease_number.parse().ok()?))
    };
    parse().ok_or_else(|| BusError::InvalidAckId { ack_id: ack_id.0.clone() })
}
