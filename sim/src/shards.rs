//! The shards into which users and products are divided, always the same ones: each is a lane of
//! every change stream, and any share of them can be simulated by itself.

use std::iter::StepBy;
use std::ops::Range;

/// How many shards there are.
pub const SHARD_COUNT: u64 = 1_024;

/// Some of the users and some of the products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard(u64);

impl Shard {
    /// The shard of that number, which is below [`SHARD_COUNT`].
    pub(crate) const fn new(number: u64) -> Shard {
        assert!(number < SHARD_COUNT, "there are no more shards");
        Shard(number)
    }

    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Shard> {
        (0..SHARD_COUNT).map(Shard)
    }

    /// Its lane in the change streams.
    pub(crate) const fn lane(self) -> u64 {
        self.0
    }

    /// Which of so many things, counted from zero, belong to it.
    pub(crate) fn numbers(self, count: u64) -> StepBy<Range<u64>> {
        (self.0..count).step_by(SHARD_COUNT as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn everything_is_in_one_shard() {
        for count in [0, 1, 1_023, 1_024, 5_000] {
            let mut numbers: Vec<u64> =
                Shard::all().flat_map(|shard| shard.numbers(count)).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..count));
        }
    }
}
