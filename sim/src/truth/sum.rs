//! The sum of the truths of parts that share no users, orders or products.

use super::{ActivityTruth, FunnelTruth, LoadDayTruth, SessionTruth, Truth};
use std::collections::BTreeMap;

impl Truth {
    /// The truth of both parts together. No user, order or product may be in both, since whoever
    /// was active in both would be counted twice.
    #[must_use]
    pub fn plus(mut self, other: &Truth) -> Truth {
        add_each(&mut self.load_days, &other.load_days, |days, other| {
            add_each(days, other, LoadDayTruth::add);
        });
        add_each(&mut self.activity_days, &other.activity_days, ActivityTruth::add);
        add_each(&mut self.retention_days, &other.retention_days, add_counts);
        add_each(&mut self.session_days, &other.session_days, SessionTruth::add);
        add_each(&mut self.funnel_days, &other.funnel_days, |days, other| {
            add_each(days, other, FunnelTruth::add);
        });
        add_each(&mut self.revenue_days, &other.revenue_days, |days, other| {
            add_each(days, other, |sum, other| *sum += *other);
        });
        self
    }
}

/// Adds what is under each key; what is not there is nothing.
fn add_each<K: Ord + Clone, T: Default>(
    sums: &mut BTreeMap<K, T>,
    others: &BTreeMap<K, T>,
    add: impl Fn(&mut T, &T),
) {
    for (key, other) in others {
        add(sums.entry(key.clone()).or_default(), other);
    }
}

fn add_counts<K: Ord + Clone>(sums: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    add_each(sums, others, |sum, other| *sum += other);
}

impl LoadDayTruth {
    fn add(&mut self, other: &LoadDayTruth) {
        self.archived += other.archived;
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        add_counts(&mut self.rejected, &other.rejected);
        self.accepted_digest = self.accepted_digest.wrapping_add(other.accepted_digest);
    }
}

impl ActivityTruth {
    fn add(&mut self, other: &ActivityTruth) {
        self.active_users += other.active_users;
        self.active_users_7_days += other.active_users_7_days;
        self.active_users_28_days += other.active_users_28_days;
        self.new_users += other.new_users;
        self.returning_users += other.returning_users;
        self.unknown_users += other.unknown_users;
        self.churned_users += other.churned_users;
        self.event_count += other.event_count;
        add_counts(&mut self.active_users_by_plan, &other.active_users_by_plan);
    }
}

impl FunnelTruth {
    fn add(&mut self, other: &FunnelTruth) {
        self.session_count += other.session_count;
        self.user_count += other.user_count;
    }
}
