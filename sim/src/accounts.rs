//! What the backend's table `users` holds, and how its rows change; and, since they follow the
//! user's plan, when subscriptions begin.
//!
//! Changes are rare, so the state of a row before a day is found by asking each day since the
//! start of the scenario whether it changed the row, which is one hash a day.

use crate::arrival::Operation;
use crate::countries::COUNTRIES;
use crate::people::{People, Person};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, MicrosUtc};

/// The plans that one can have, in the order of their price.
const PLANS: [&str; 3] = ["free", "plus", "pro"];

/// A row of the table, apart from the user's id and sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) country_code: &'static str,
    pub(crate) plan: usize,
    pub(crate) marketing_opt_in: bool,
    /// How often the address has changed.
    pub(crate) email_version: u32,
    /// How often the number has changed, if the user gave one.
    pub(crate) phone_version: Option<u32>,
    /// What the user pays for, unless the plan is the free one.
    pub(crate) subscription: Option<Subscription>,
    /// How many subscriptions the user has had, the present one included.
    subscription_count: u32,
}

/// From when on a user has had a plan that costs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// Which of the user's subscriptions it is, from 1.
    pub(crate) number: u32,
    pub(crate) started_at: MicrosUtc,
}

impl Profile {
    pub(crate) const fn plan_name(&self) -> &'static str {
        PLANS[self.plan]
    }

    /// The profile with another plan, which begins, goes on with or ends a subscription.
    fn with_plan(self, plan: usize, at: MicrosUtc) -> Profile {
        let mut after = Profile { plan, ..self };
        if plan == 0 {
            after.subscription = None;
        } else if after.subscription.is_none() {
            after.subscription_count += 1;
            after.subscription =
                Some(Subscription { number: after.subscription_count, started_at: at });
        }
        after
    }
}

/// One change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountChange {
    pub(crate) operation: Operation,
    pub(crate) committed_at: MicrosUtc,
    /// Its place in its transaction. The place behind it is free, for the subscription.
    pub(crate) ordinal: u8,
    pub(crate) before: Option<Profile>,
    pub(crate) after: Option<Profile>,
}

/// What a user, or the backend, does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    NextPlan,
    PreviousPlan,
    Email,
    Phone,
    Country,
    OptIn,
}

/// What happens on a day on which a row changes: the edits of each transaction.
#[derive(Clone, Copy, Debug)]
struct Pattern {
    first: &'static [Edit],
    second: &'static [Edit],
    /// Whether it is done in the app, and followed by `profile_updated`.
    in_app: bool,
}

const fn pattern(first: &'static [Edit], second: &'static [Edit], in_app: bool) -> Pattern {
    Pattern { first, second, in_app }
}

const PATTERNS: [(Pattern, u64); 8] = [
    (pattern(&[Edit::NextPlan], &[], false), 40),
    (pattern(&[Edit::Email], &[], true), 14),
    (pattern(&[Edit::Phone], &[], true), 10),
    (pattern(&[Edit::OptIn], &[], true), 12),
    (pattern(&[Edit::Country], &[], true), 5),
    // There and back within a day: all three states were real.
    (pattern(&[Edit::NextPlan], &[Edit::PreviousPlan], false), 8),
    // Several changes in one transaction: same time, and only the sequence tells their order.
    (pattern(&[Edit::NextPlan, Edit::Email, Edit::OptIn], &[], true), 7),
    (pattern(&[Edit::NextPlan, Edit::PreviousPlan], &[Edit::Phone], false), 4),
];

/// All accounts, each of which can be asked for without the others.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    random: Random,
    changed_parts: u64,
    start_at: MicrosUtc,
}

impl Accounts {
    pub(crate) fn new(scenario: &Scenario, people: &People, random: Random) -> Accounts {
        Accounts {
            random: random.stream("accounts"),
            changed_parts: u64::from(scenario.accounts.changed_per_day.0),
            start_at: people.growth.start_at(),
        }
    }

    /// The row as it is when the change stream begins, for a user who signed up before.
    pub(crate) fn snapshot(&self, person: &Person) -> AccountChange {
        AccountChange {
            operation: Operation::Snapshot,
            committed_at: self.first_profile_at(person),
            ordinal: 0,
            before: None,
            after: Some(self.first_profile(person)),
        }
    }

    /// When the first profile that the change stream knows came to be.
    fn first_profile_at(&self, person: &Person) -> MicrosUtc {
        let random = self.random.at(person.user).stream("snapshot");
        let since_sign_up = self.start_at.0 - person.signed_up_at.0;
        if since_sign_up > 0 && random.chance(400_000) {
            person.signed_up_at.plus(random.at(1).between(0, since_sign_up - 1))
        } else {
            person.signed_up_at
        }
    }

    /// The changes of the user's row on that day, in the order in which they were made.
    pub(crate) fn changes_on(&self, person: &Person, day: i64) -> Vec<AccountChange> {
        let edits = self.edits_on(person, day);
        let deleted = person.deleted_at.day() == day && person.deleted_at >= self.start_at;
        let inserted = person.signed_up_at.day() == day && person.signed_up_at >= self.start_at;
        if edits.is_empty() && !deleted && !inserted {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let mut profile =
            if inserted { self.first_profile(person) } else { self.profile_before(person, day) };
        if inserted {
            changes.push(AccountChange {
                operation: Operation::Insert,
                committed_at: person.signed_up_at,
                ordinal: 0,
                before: None,
                after: Some(profile),
            });
        }
        for (committed_at, ordinal, edit) in edits {
            let after = self.edited(person, profile, (committed_at, edit), day);
            changes.push(AccountChange {
                operation: Operation::Update,
                committed_at,
                ordinal,
                before: Some(profile),
                after: Some(after),
            });
            profile = after;
        }
        if deleted {
            changes.push(AccountChange {
                operation: Operation::Delete,
                committed_at: person.deleted_at,
                ordinal: 0,
                before: Some(profile),
                after: None,
            });
        }
        changes
    }

    /// When the user changed the profile in the app on that day, if so.
    pub(crate) fn changed_in_app_at(&self, person: &Person, day: i64) -> Option<MicrosUtc> {
        let random = self.changes(person, day)?;
        let in_app = random.stream("pattern").weighted(&PATTERNS).in_app;
        let first = self.edits_on(person, day).first().map(|edit| edit.0);
        first.filter(|_| in_app)
    }

    /// Whether the row may change on that day, apart from its beginning and its end.
    pub(crate) fn may_change_on(&self, person: &Person, day: i64) -> bool {
        self.changes(person, day).is_some()
    }

    /// The seed of the day's changes, if the row changes on that day.
    fn changes(&self, person: &Person, day: i64) -> Option<Random> {
        let random = self.random.at(person.user).on(day);
        random.chance(self.changed_parts).then_some(random)
    }

    fn edits_on(&self, person: &Person, day: i64) -> Vec<(MicrosUtc, u8, Edit)> {
        let Some(random) = self.changes(person, day) else {
            return Vec::new();
        };
        let pattern = random.stream("pattern").weighted(&PATTERNS);
        // Early enough that the second transaction is on the same day.
        let first_at = MicrosUtc::start_of(day)
            .plus(random.stream("first").between(2 * MICROS_PER_MINUTE, 20 * MICROS_PER_HOUR));
        let pause = random.stream("pause").between(10 * MICROS_PER_SECOND, 3 * MICROS_PER_HOUR);
        let first =
            pattern.first.iter().zip(0_u8..).map(|(edit, index)| (first_at, 2 * index, *edit));
        let second_at = first_at.plus(pause);
        let second =
            pattern.second.iter().zip(0_u8..).map(|(edit, index)| (second_at, 2 * index, *edit));
        let earliest = person.signed_up_at.max(self.start_at).plus(MICROS_PER_MINUTE);
        first.chain(second).filter(|edit| edit.0 > earliest && edit.0 < person.deleted_at).collect()
    }

    fn profile_before(&self, person: &Person, day: i64) -> Profile {
        let first_day = person.signed_up_at.max(self.start_at).day();
        let mut profile = self.first_profile(person);
        for earlier in first_day..day {
            for (at, _, edit) in self.edits_on(person, earlier) {
                profile = self.edited(person, profile, (at, edit), earlier);
            }
        }
        profile
    }

    /// What the row holds at sign-up, or at the start of the scenario.
    fn first_profile(&self, person: &Person) -> Profile {
        let random = self.random.at(person.user).stream("profile");
        let profile = Profile {
            country_code: person.country.code,
            plan: 0,
            marketing_opt_in: random.stream("opt_in").chance(350_000),
            email_version: 0,
            phone_version: random.stream("phone").chance(700_000).then_some(0),
            subscription: None,
            subscription_count: 0,
        };
        let plan = random.stream("plan").weighted(&[(0, 820), (1, 140), (2, 40)]);
        profile.with_plan(plan, self.first_profile_at(person))
    }

    fn edited(
        &self,
        person: &Person,
        profile: Profile,
        (at, edit): (MicrosUtc, Edit),
        day: i64,
    ) -> Profile {
        match edit {
            Edit::NextPlan => profile.with_plan((profile.plan + 1) % PLANS.len(), at),
            Edit::PreviousPlan => {
                profile.with_plan((profile.plan + PLANS.len() - 1) % PLANS.len(), at)
            }
            Edit::Email => Profile { email_version: profile.email_version + 1, ..profile },
            Edit::Phone => Profile {
                phone_version: Some(profile.phone_version.map_or(0, |version| version + 1)),
                ..profile
            },
            Edit::OptIn => Profile { marketing_opt_in: !profile.marketing_opt_in, ..profile },
            Edit::Country => {
                let random = self.random.at(person.user).on(day).stream("country");
                Profile { country_code: random.weighted(&COUNTRIES).code, ..profile }
            }
        }
    }
}
