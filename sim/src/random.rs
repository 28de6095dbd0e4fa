//! Randomness by counting: every random value is a hash of the seed and of what it is for.
//!
//! A [`Random`] is a place in a tree of seeds. It has no state: asking it twice gives the same
//! answer, and a child depends on nothing but the path to it. So no draw shifts another one, a
//! user's day can be drawn without the days before it, and adding a fault leaves the rest as is.

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// FNV-1a of 64 bits over the UTF-8 bytes of `id`. A wrapping sum of it over a set of ids is a
/// fingerprint of the set that does not depend on its order.
pub const fn digest(id: &str) -> u64 {
    let bytes = id.as_bytes();
    let mut hash = FNV_OFFSET;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(FNV_PRIME);
        index += 1;
    }
    hash
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood, 2014): every bit depends on every bit.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A place in the tree of seeds, and the 64 random bits that belong to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The root of the tree.
    pub(crate) const fn new(seed: u64) -> Random {
        Random(mix(seed ^ GOLDEN))
    }

    /// The child of that name.
    pub(crate) const fn stream(self, name: &str) -> Random {
        self.named(digest(name))
    }

    /// The child whose name has that [`digest`], for names that are asked for very often.
    pub(crate) const fn named(self, name_digest: u64) -> Random {
        Random(mix(self.0 ^ name_digest))
    }

    /// The child of that number.
    pub(crate) const fn at(self, index: u64) -> Random {
        Random(mix(self.0.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1)))))
    }

    /// The child of that day, counted from 1970.
    pub(crate) const fn on(self, day: i64) -> Random {
        self.at(day.cast_unsigned())
    }

    /// 64 random bits.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// A number from zero up to, and without, `bound`. By multiplication, whose bias of
    /// `bound / 2^64` nobody can see.
    pub(crate) const fn below(self, bound: u64) -> u64 {
        ((self.0 as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `least` to `greatest`, both included.
    pub(crate) const fn between(self, least: i64, greatest: i64) -> i64 {
        least + self.below((greatest - least + 1).cast_unsigned()).cast_signed()
    }

    /// True in `parts` of a million cases.
    pub(crate) const fn chance(self, parts_per_million: u64) -> bool {
        self.below(1_000_000) < parts_per_million
    }

    /// One of the items.
    pub(crate) fn pick<T>(self, items: &[T]) -> &T {
        &items[self.index(items.len())]
    }

    /// An index into a list of that length.
    pub(crate) fn index(self, length: usize) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "less than `length`, which is a usize")]
        let index = self.below(length as u64) as usize;
        index
    }

    /// One of the items, each as likely as its weight says.
    pub(crate) fn weighted<T: Copy>(self, items: &[(T, u64)]) -> T {
        let total: u64 = items.iter().map(|item| item.1).sum();
        let mut rest = self.below(total);
        for &(item, weight) in items {
            if rest < weight {
                return item;
            }
            rest -= weight;
        }
        items[items.len() - 1].0
    }

    /// A number with a long tail: every doubling from `least` up to `greatest` is as likely.
    pub(crate) fn long_tailed(self, least: i64, greatest: i64) -> i64 {
        let doublings = u64::from((greatest / least).ilog2()) + 1;
        let low = least << self.below(doublings);
        self.at(1).between(low, low * 2 - 1).min(greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, digest};

    #[test]
    fn digest_is_fnv_1a() {
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn draws_are_spread_evenly() {
        let root = Random::new(1).stream("test");
        let mut counts = [0_u32; 10];
        for index in 0..100_000 {
            counts[root.at(index).index(10)] += 1;
        }
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn long_tail_stays_between_its_bounds() {
        let root = Random::new(2);
        for index in 0..10_000 {
            let value = root.at(index).long_tailed(3, 1_000);
            assert!((3..=1_000).contains(&value), "{value}");
        }
    }
}
