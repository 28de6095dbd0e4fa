//! The windows in which stale partitions are built.

use std::collections::{BTreeMap, BTreeSet};

use super::Task;
use crate::{
    graph::{Domain, Node},
    plan::{
        Planner, Stale,
        snapshot::Partition,
        window::{Window, windows},
    },
};

/// Windows of adjacent stale partitions. Empty partitions have windows of their own: nothing is
/// read for them.
pub fn tasks(planner: &Planner, node: &Node, stale: &[Stale], days_max: usize) -> Vec<Task> {
    let days_max = if node.window == Domain::Whole { 1 } else { days_max.max(1) };
    let stamps: BTreeMap<Partition, _> =
        stale.iter().map(|stale| (stale.partition, &stale.stamp)).collect();
    let mut found: Vec<Window> = Vec::new();
    for is_empty in [false, true] {
        let partitions: BTreeSet<Partition> = stamps
            .iter()
            .filter(|(_, stamp)| stamp.fingerprint.is_none() == is_empty)
            .map(|(partition, _)| *partition)
            .collect();
        found.extend(windows(&partitions, days_max));
    }
    let task = |window: Window| Task {
        window,
        stamps: window.partitions().into_iter().map(|p| (p, stamps[&p].clone())).collect(),
        calendar: planner.calendar(node),
    };
    found.into_iter().map(task).collect()
}
