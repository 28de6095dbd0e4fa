//! The shards into which users and products are divided, always the same ones: each is a lane of
//! every change stream, and any share of them can be simulated by itself.

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

    /// How many of so many things belong to it.
    pub(crate) const fn size(self, count: u64) -> u64 {
        count.saturating_sub(self.0).div_ceil(SHARD_COUNT)
    }

    /// The number, counted from zero among all, of its thing of that index.
    pub(crate) const fn number(self, index: u64) -> u64 {
        index * SHARD_COUNT + self.0
    }

    /// The numbers of those of so many things that belong to it.
    pub(crate) fn numbers(self, count: u64) -> impl Iterator<Item = u64> + use<> {
        (0..self.size(count)).map(move |index| self.number(index))
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
