//! The backend's database: what changes in which table on which day.

use crate::accounts::{AccountChange, Accounts, Profile};
use crate::arrival::Source;
use crate::changes::{Change, snapshot};
use crate::orders::{LIFE_DAYS_MAX, Order, life_days};
use crate::people::{ActiveDay, People, Person, usage};
use crate::rows::{Row, UserRow};
use crate::sessions::{Visits, purchase_seed};
use crate::shards::Shard;
use crate::shop::Shop;
use crate::subscriptions;
use crate::time::MicrosUtc;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// All tables.
pub(crate) struct Database<'a> {
    pub(crate) people: &'a People,
    pub(crate) accounts: &'a Accounts,
    pub(crate) visits: Visits<'a>,
    pub(crate) shop: &'a Shop,
}

impl Database<'_> {
    /// When the change stream begins.
    pub(crate) fn start_at(&self) -> MicrosUtc {
        self.people.growth.start_at()
    }

    /// When the database was made: nothing was committed before.
    pub(crate) fn began_at(&self) -> MicrosUtc {
        self.people.growth.began_at()
    }

    /// Calls `note` with every change of a product of the shard at a wanted instant.
    pub(crate) fn for_each_change_of_products(
        &self,
        shard: Shard,
        is_wanted: impl Fn(MicrosUtc) -> bool + Copy,
        note: &mut dyn FnMut(Change),
    ) {
        self.shop.assortment.changes(shard, is_wanted).for_each(note);
    }

    /// Calls `note` with every change that the user made, or that was made to the user's orders, at
    /// a wanted instant of those days. The days are asked for the user's `active_days` that lie
    /// [`LIFE_DAYS_MAX`] before them, and for later ones.
    pub(crate) fn for_each_change_of_user(
        &self,
        person: &Person,
        days: RangeInclusive<i64>,
        active_days: &[ActiveDay],
        is_wanted: impl Fn(MicrosUtc) -> bool + Copy,
        note: &mut dyn FnMut(Change),
    ) {
        let alive_on = *days.start();
        for day in days {
            for change in self.accounts.changes_on(person, day) {
                if is_wanted(change.committed_at) {
                    rows_of(person, &change).for_each(&mut *note);
                }
            }
        }
        self.for_each_order(person, alive_on, active_days, &mut |order| {
            order.changes(is_wanted).into_iter().for_each(&mut *note);
        });
    }

    /// All rows of a shard at the start: of orders only those to which something will still happen.
    pub(crate) fn snapshot(&self, shard: Shard) -> BTreeMap<Source, Vec<Change>> {
        let start_at = self.start_at();
        let mut tables: BTreeMap<Source, Vec<Change>> = BTreeMap::new();
        let mut note = |change: Change| {
            tables.entry(change.row().source()).or_default().push(change);
        };
        self.shop.assortment.snapshot(shard).for_each(&mut note);
        let days = usage(start_at.day() - LIFE_DAYS_MAX..=start_at.day() - 1);
        let growth = &self.people.growth;
        for index in shard.numbers(growth.user_count_before(start_at)) {
            let person = self.people.person(growth.user(index));
            rows_of(&person, &self.accounts.snapshot(&person)).for_each(&mut note);
            let active_days = self.visits.active_days(&person, &days);
            self.for_each_order(&person, start_at.day(), &active_days, &mut |order| {
                if order.instants().any(|at| at >= start_at) {
                    let changes = order.changes(|at| at < start_at);
                    snapshot(changes).into_iter().for_each(&mut note);
                }
            });
        }
        tables
    }

    /// Calls `note` with the orders that the user placed on those days and to which something may
    /// happen on a day or later.
    fn for_each_order(
        &self,
        person: &Person,
        alive_on: i64,
        active_days: &[ActiveDay],
        note: &mut dyn FnMut(&Order<'_>),
    ) {
        let commerce = &self.shop.commerce;
        let mut sessions = Vec::new();
        for &(day, usage_percent) in active_days {
            let is_over = || day + life_days(purchase_seed(person, day), commerce) < alive_on;
            if !self.visits.may_buy_on(person, day) || is_over() {
                continue;
            }
            self.visits.on(person, day, usage_percent, &mut sessions);
            let session = sessions.iter().find(|session| session.buys);
            let visited = session.map(|session| session.walk(person, self.shop));
            if let Some(purchase) = visited.and_then(|visited| visited.purchase) {
                note(&Order::new(person, &purchase, commerce));
            }
        }
    }
}

/// What a change of an account changes: the row of the user, and that of the subscription.
fn rows_of(person: &Person, change: &AccountChange) -> impl Iterator<Item = Change> + use<> {
    let of_user = Change {
        operation: change.operation,
        committed_at: change.committed_at,
        ordinal: change.ordinal,
        before: change.before.map(|profile| user_row(person, &profile)),
        after: change.after.map(|profile| user_row(person, &profile)),
    };
    std::iter::once(of_user).chain(subscriptions::changes_with(person, change))
}

fn user_row(person: &Person, profile: &Profile) -> Row {
    let user = person.user;
    Row::User(UserRow {
        user_id: person.user_id(),
        signed_up_at: person.signed_up_at,
        country_code: profile.country_code.to_owned(),
        plan: profile.plan_name().to_owned(),
        marketing_opt_in: profile.marketing_opt_in,
        email: match profile.email_version {
            0 => format!("user{user}@example.com"),
            version => format!("user{user}.{version}@example.com"),
        },
        phone_number: profile.phone_version.map(|version| {
            let number = person.random.stream("phone").at(u64::from(version)).below(1_000_000_000);
            format!("{}{number:09}", person.country.calling_code)
        }),
    })
}
