//! The backend's database: what changes in which table on which day.

use crate::accounts::{AccountChange, Accounts, Profile};
use crate::arrival::Source;
use crate::changes::{Change, snapshot};
use crate::orders::{LIFE_DAYS_MAX, Order, life_days};
use crate::people::{People, Person, usage_percent};
use crate::rows::{Row, UserRow};
use crate::sessions::{Visits, purchase_seed};
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

    /// Calls `note` with every change that was committed on those days, in no certain order.
    pub(crate) fn for_each_change(&self, days: RangeInclusive<i64>, note: &mut dyn FnMut(Change)) {
        let start_at = self.start_at();
        let is_wanted = |at: MicrosUtc| at >= start_at && days.contains(&at.day());
        let products = self.shop.assortment.changes();
        products.filter(|change| is_wanted(change.committed_at)).for_each(&mut *note);
        let ordering_days = OrderingDays::new(*days.start(), *days.end());
        let end_at = MicrosUtc::start_of(days.end() + 1);
        for user in self.people.growth.users_before(end_at) {
            let person = self.people.person(user);
            for day in days.clone() {
                for change in self.accounts.changes_on(&person, day) {
                    rows_of(&person, &change).for_each(&mut *note);
                }
            }
            self.for_each_order(&person, &ordering_days, &mut |order| {
                if order.instants().any(is_wanted) {
                    let changes = order.changes().into_iter();
                    changes.filter(|change| is_wanted(change.committed_at)).for_each(&mut *note);
                }
            });
        }
    }

    /// All rows at the start: of orders only those to which something will still happen.
    pub(crate) fn snapshot(&self) -> BTreeMap<Source, Vec<Change>> {
        let start_at = self.start_at();
        let mut tables: BTreeMap<Source, Vec<Change>> = BTreeMap::new();
        let mut note = |change: Change| {
            tables.entry(change.row().source()).or_default().push(change);
        };
        self.shop.assortment.snapshot().for_each(&mut note);
        let ordering_days = OrderingDays::new(start_at.day(), start_at.day() - 1);
        for user in self.people.growth.users_before(start_at) {
            let person = self.people.person(user);
            rows_of(&person, &self.accounts.snapshot(&person)).for_each(&mut note);
            self.for_each_order(&person, &ordering_days, &mut |order| {
                if order.instants().any(|at| at >= start_at) {
                    let changes = order.changes().into_iter();
                    snapshot(changes.filter(|change| change.committed_at < start_at))
                        .into_iter()
                        .for_each(&mut note);
                }
            });
        }
        tables
    }

    /// Calls `note` with the user's orders to which something may happen on those days.
    fn for_each_order(
        &self,
        person: &Person,
        ordering_days: &OrderingDays,
        note: &mut dyn FnMut(&Order<'_>),
    ) {
        let commerce = &self.shop.commerce;
        for &(day, usage_percent) in &ordering_days.usage {
            let is_over =
                || day + life_days(purchase_seed(person, day), commerce) < ordering_days.alive_on;
            if !self.visits.may_buy_on(person, day) || is_over() {
                continue;
            }
            let session = self.visits.purchase_on(person, day, usage_percent);
            let visited = session.map(|session| session.walk(person, self.shop));
            if let Some(purchase) = visited.and_then(|visited| visited.purchase) {
                note(&Order::new(person, &purchase, commerce));
            }
        }
    }
}

/// The days on which an order may have been placed to which something happens on a later day.
struct OrderingDays {
    alive_on: i64,
    /// The days, and how much the app is used on each.
    usage: Vec<(i64, u64)>,
}

impl OrderingDays {
    /// Of orders that were placed by the last day, and live on the first.
    fn new(alive_on: i64, last_day: i64) -> OrderingDays {
        let days = alive_on - LIFE_DAYS_MAX..=last_day;
        OrderingDays { alive_on, usage: days.map(|day| (day, usage_percent(day))).collect() }
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
