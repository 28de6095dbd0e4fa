//! The products that are sold, and how their rows in the backend's table `products` change.
//!
//! Every product's history is found by asking each day since the start of the scenario whether it
//! changed the product. Before the start nothing has ever changed.

use crate::arrival::Operation;
use crate::changes::Change;
use crate::random::Random;
use crate::rows::{ProductRow, Row};
use crate::scenario::Scenario;
use crate::shards::Shard;
use crate::time::{MICROS_PER_DAY, MicrosUtc, day_of};

const MICROS_PER_CENT: i64 = 10_000;

/// What a product costs, in cents of the reporting currency.
const PRICE_CENTS_MIN: i64 = 199;
const PRICE_CENTS_MAX: i64 = 30_000;

/// A product that is in the first snapshot was last changed within that time before.
const SNAPSHOT_AGE_MAX: i64 = 300 * MICROS_PER_DAY;

/// One in that many products is a bestseller, which is always to be had.
const PRODUCTS_PER_BESTSELLER: u64 = 8;

/// For so many changes of products a new one is introduced.
const CHANGES_PER_NEW_PRODUCT: u64 = 8;

/// How often one looks for a product that is to be had, before one takes a bestseller.
const ATTEMPTS_MAX: u64 = 8;

const CATEGORIES: [(&str, [&str; 4]); 6] = [
    ("kitchen", ["kettle", "pan", "knife", "bowl"]),
    ("garden", ["spade", "hose", "planter", "lantern"]),
    ("clothing", ["scarf", "jacket", "cap", "raincoat"]),
    ("toys", ["puzzle", "kite", "robot", "train"]),
    ("books", ["novel", "atlas", "cookbook", "diary"]),
    ("electronics", ["headphones", "charger", "speaker", "keyboard"]),
];

const ADJECTIVES: [&str; 8] =
    ["blue", "classic", "compact", "folding", "large", "light", "red", "sturdy"];

const ADJECTIVE_COUNT: u64 = ADJECTIVES.len() as u64;

/// What is done to a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Price,
    Activity,
    Name,
    Removal,
}

const EDITS: [(Edit, u64); 4] =
    [(Edit::Price, 66), (Edit::Activity, 18), (Edit::Name, 6), (Edit::Removal, 10)];

/// All products, of which nothing is drawn yet.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    random: Random,
    /// Products at the start of the scenario.
    size: u64,
    changed_parts: u64,
    start_day: i64,
}

/// What a product is from some instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    since: MicrosUtc,
    list_price_micros: i64,
    /// How often it was renamed.
    name_version: u64,
    is_active: bool,
    is_removed: bool,
}

/// A product with its versions in their order, of which there is at least one.
#[derive(Clone, Debug)]
struct Product {
    number: u64,
    random: Random,
    versions: Vec<Version>,
}

/// All products with their histories until some day.
#[derive(Clone, Debug)]
pub(crate) struct Assortment {
    /// By their numbers, which begin with 1.
    products: Vec<Product>,
    size_at_start: u64,
    start_at: MicrosUtc,
}

/// Products are known to all sources by this.
pub(crate) fn product_id(number: u64) -> String {
    format!("p{number}")
}

impl Catalogue {
    pub(crate) fn new(scenario: &Scenario, random: Random) -> Catalogue {
        Catalogue {
            random: random.stream("catalogue"),
            size: scenario.commerce.products,
            changed_parts: u64::from(scenario.commerce.products_changed_per_day.0),
            start_day: day_of(scenario.start_date),
        }
    }

    /// The products as they change until the end of that day.
    pub(crate) fn until(&self, last_day: i64) -> Assortment {
        let start_at = MicrosUtc::start_of(self.start_day);
        let first = (1..=self.size).map(|number| {
            let random = self.random.at(number);
            let age = random.stream("age").between(1, SNAPSHOT_AGE_MAX);
            (number, self.start_day, start_at.plus(-age))
        });
        let mut introductions: Vec<_> = first.collect();
        let new_parts = self.size * self.changed_parts / CHANGES_PER_NEW_PRODUCT;
        for day in self.start_day..=last_day {
            let random = self.random.stream("new").on(day);
            if random.chance(new_parts) {
                let number = introductions.len() as u64 + 1;
                introductions.push((number, day + 1, time_of(random, day)));
            }
        }
        let products = introductions
            .into_iter()
            .map(|(number, first_day, since)| self.product(number, since, first_day..=last_day))
            .collect();
        Assortment { products, size_at_start: self.size, start_at }
    }

    fn product(
        &self,
        number: u64,
        since: MicrosUtc,
        days: std::ops::RangeInclusive<i64>,
    ) -> Product {
        let random = self.random.at(number);
        let price_cents = random.stream("price").long_tailed(PRICE_CENTS_MIN, PRICE_CENTS_MAX);
        let mut version = Version {
            since,
            list_price_micros: price_cents * MICROS_PER_CENT,
            name_version: 0,
            is_active: true,
            is_removed: false,
        };
        let mut versions = vec![version];
        for day in days {
            let random = random.on(day);
            if !version.is_removed && random.chance(self.changed_parts) {
                version = self.edited(number, version, random, day);
                versions.push(version);
            }
        }
        Product { number, random, versions }
    }

    fn edited(&self, number: u64, version: Version, random: Random, day: i64) -> Version {
        let is_bestseller = number <= self.size / PRODUCTS_PER_BESTSELLER + 1;
        let since = time_of(random, day);
        match random.stream("edit").weighted(&EDITS) {
            Edit::Activity if !is_bestseller => {
                Version { since, is_active: !version.is_active, ..version }
            }
            Edit::Removal if !is_bestseller => Version { since, is_removed: true, ..version },
            Edit::Name => Version { since, name_version: version.name_version + 1, ..version },
            _ => {
                // From a fifth less to a quarter more, and never the same.
                let cents = version.list_price_micros / MICROS_PER_CENT;
                let is_low = cents < PRICE_CENTS_MIN;
                let percent = *random.stream("percent").pick(&[80, 90, 95, 105, 110, 125]);
                let percent = if is_low { 125 } else { percent };
                let list_price_micros = cents * percent / 100 * MICROS_PER_CENT;
                Version { since, list_price_micros, ..version }
            }
        }
    }
}

fn time_of(random: Random, day: i64) -> MicrosUtc {
    MicrosUtc::start_of(day).plus(random.stream("time").between(0, MICROS_PER_DAY - 1))
}

impl Product {
    /// The product as of an instant. There are prices of what is removed, and of what is to come:
    /// those of its first and its last version.
    fn version_at(&self, at: MicrosUtc) -> &Version {
        let behind = self.versions.partition_point(|version| version.since <= at);
        &self.versions[behind.max(1) - 1]
    }

    fn row(&self, version: &Version) -> Option<Row> {
        if version.is_removed {
            return None;
        }
        let (category, nouns) = self.random.stream("category").pick(&CATEGORIES);
        let noun = self.random.stream("noun").pick(nouns);
        // Another name each time, until all have had their turn.
        let turn = self.random.stream("name").below(ADJECTIVE_COUNT) + version.name_version;
        let adjective = ADJECTIVES[(turn % ADJECTIVE_COUNT) as usize];
        Some(Row::Product(ProductRow {
            product_id: product_id(self.number),
            name: format!("{adjective} {noun} {}", self.number),
            category: (*category).to_owned(),
            list_price_micros: version.list_price_micros,
            is_active: version.is_active,
        }))
    }
}

impl Assortment {
    /// A product that can be ordered at that instant: of few there are many sold, of most few.
    pub(crate) fn pick(&self, random: Random, at: MicrosUtc) -> u64 {
        let introduced =
            self.products.partition_point(|product| product.versions[0].since <= at) as u64;
        let introduced = introduced.max(self.size_at_start);
        for attempt in 0..ATTEMPTS_MAX {
            let random = random.at(attempt);
            let number = random.long_tailed(1, introduced.cast_signed()).cast_unsigned();
            let version = self.product(number).version_at(at);
            if version.is_active && !version.is_removed {
                return number;
            }
        }
        1
    }

    /// The price of a product at that instant, in the reporting currency.
    pub(crate) fn list_price_micros(&self, number: u64, at: MicrosUtc) -> i64 {
        self.product(number).version_at(at).list_price_micros
    }

    fn product(&self, number: u64) -> &Product {
        let index = usize::try_from(number - 1).expect("a product's number is small");
        &self.products[index]
    }

    /// The rows at the start of the scenario, of the products of a shard.
    pub(crate) fn snapshot(&self, shard: Shard) -> impl Iterator<Item = Change> {
        let old =
            self.products_of(shard).filter(|product| product.versions[0].since < self.start_at);
        old.map(|product| Change {
            operation: Operation::Snapshot,
            committed_at: product.versions[0].since,
            ordinal: 0,
            before: None,
            after: product.row(&product.versions[0]),
        })
    }

    /// Every change of a product of the shard since the start of the scenario, if its instant is
    /// wanted.
    pub(crate) fn changes(
        &self,
        shard: Shard,
        is_wanted: impl Fn(MicrosUtc) -> bool + Copy,
    ) -> impl Iterator<Item = Change> {
        self.products_of(shard).flat_map(move |product| {
            let before = std::iter::once(None).chain(product.versions.iter().map(Some));
            let is_wanted =
                move |after: &Version| after.since >= self.start_at && is_wanted(after.since);
            let wanted = before.zip(&product.versions).filter(move |(_, after)| is_wanted(after));
            wanted.map(|(before, after)| {
                let before = before.and_then(|version| product.row(version));
                Change::between(after.since, 0, before, product.row(after))
            })
        })
    }

    fn products_of(&self, shard: Shard) -> impl Iterator<Item = &Product> {
        shard.numbers(self.products.len() as u64).map(|index| self.product(index + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::Catalogue;
    use crate::arrival::Operation;
    use crate::changes::Change;
    use crate::random::Random;
    use crate::scenario::Scenario;
    use crate::shards::Shard;
    use crate::time::{MICROS_PER_DAY, MicrosUtc, day_of};
    use std::collections::BTreeMap;

    fn catalogue() -> Catalogue {
        let text = "about = ''\nseed = 1\nstart_date = 2026-01-05\ndays = 7\n\
                    [commerce]\nproducts = 40\nproducts_changed_per_day = 0.1\n";
        Catalogue::new(&Scenario::from_toml("test", text).unwrap(), Random::new(1))
    }

    fn all<I: Iterator<Item = Change>>(of_shard: impl Fn(Shard) -> I) -> Vec<Change> {
        Shard::all().flat_map(of_shard).collect()
    }

    #[test]
    fn a_longer_history_begins_with_a_shorter_one() {
        let start = day_of(jiff::civil::date(2026, 1, 5));
        let (short, long) = (catalogue().until(start + 20), catalogue().until(start + 60));
        let end = MicrosUtc::start_of(start + 21);
        let until_then: Vec<_> = all(|shard| long.changes(shard, |at| at < end));
        assert_eq!(all(|shard| short.changes(shard, |_| true)), until_then);
        for index in 0..2_000_u64 {
            let at =
                MicrosUtc::start_of(start - 3).plus(index.cast_signed() * MICROS_PER_DAY / 100);
            let random = Random::new(7).at(index);
            assert_eq!(short.pick(random, at), long.pick(random, at));
        }
    }

    #[test]
    fn changes_follow_each_other_and_all_kinds_occur() {
        let start = day_of(jiff::civil::date(2026, 1, 5));
        let assortment = catalogue().until(start + 60);
        let mut rows = BTreeMap::new();
        let mut count = BTreeMap::new();
        let snapshot = all(|shard| assortment.snapshot(shard));
        let changes = all(|shard| assortment.changes(shard, |_| true));
        for change in snapshot.into_iter().chain(changes) {
            let known = rows.insert(change.row().key(), change.after.clone()).flatten();
            if change.operation != Operation::Snapshot {
                assert_eq!(known, change.before);
            }
            assert_ne!(change.before, change.after);
            *count.entry(change.operation).or_insert(0) += 1;
        }
        assert_eq!(count[&Operation::Snapshot], 40);
        assert!(count[&Operation::Insert] > 10 && count[&Operation::Delete] > 5, "{count:?}");
        assert!(count[&Operation::Update] > 100, "{count:?}");
    }
}
