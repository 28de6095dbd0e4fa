//! A set of sequence numbers that is dense from below: everything under a low watermark, and
//! ranges above it. What a subscription has acknowledged is such a set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All numbers below `watermark`, and those in `ranges`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SequenceSet {
    watermark: u64,
    /// Start to end (exclusive), disjoint, not touching, all above the watermark.
    ranges: BTreeMap<u64, u64>,
    above_count: u64,
}

impl SequenceSet {
    /// Every number below `watermark`.
    pub fn below(watermark: u64) -> Self {
        Self { watermark, ranges: BTreeMap::new(), above_count: 0 }
    }

    /// The least number that is not in the set.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// How many numbers below `end` are not in the set.
    pub fn missing_below(&self, end: u64) -> u64 {
        end.saturating_sub(self.watermark).saturating_sub(self.above_count)
    }

    /// Whether `sequence` is in the set.
    pub fn contains(&self, sequence: u64) -> bool {
        sequence < self.watermark
            || self.ranges.range(..=sequence).next_back().is_some_and(|(_, &end)| sequence < end)
    }

    /// Adds `sequence`; false if it was there.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if self.contains(sequence) {
            return false;
        }
        let mut start = sequence;
        let mut end = sequence + 1;
        if let Some((&left, &left_end)) = self.ranges.range(..sequence).next_back()
            && left_end == sequence
        {
            start = left;
            self.ranges.remove(&left);
        }
        if let Some(right_end) = self.ranges.remove(&end) {
            end = right_end;
        }
        self.above_count += 1;
        if start == self.watermark {
            self.above_count -= end - start;
            self.watermark = end;
        } else {
            self.ranges.insert(start, end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::SequenceSet;

    proptest! {
        #[test]
        fn behaves_like_a_set(start in 0_u64..3, numbers in prop::collection::vec(0_u64..40, 0..80)) {
            let mut set = SequenceSet::below(start);
            let mut model: BTreeSet<u64> = (0..start).collect();
            for number in numbers {
                prop_assert_eq!(set.insert(number), model.insert(number));
                prop_assert_eq!(set.watermark(), (0..90).find(|n| !model.contains(n)).unwrap());
                for n in 0..41 {
                    prop_assert_eq!(set.contains(n), model.contains(&n));
                }
                let missing = (0..41).filter(|n| !model.contains(n)).count() as u64;
                prop_assert_eq!(set.missing_below(41), missing);
                prop_assert!(set.ranges.keys().all(|&range_start| range_start > set.watermark));
            }
        }
    }
}
