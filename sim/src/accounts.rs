//! What the backend's table `users` holds, and how its rows change.
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
}

impl Profile {
    pub(crate) const fn plan_name(&self) -> &'static str {
        PLANS[self.plan]
    }
}

/// One change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) operation: Operation,
    pub(crate) committed_at: MicrosUtc,
    /// Which change of the transaction it is, from zero.
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
    pub(crate) fn snapshot(&self, person: &Person) -> Change {
        let random = self.random.at(person.user).stream("snapshot");
        let since_sign_up = self.start_at.0 - person.signed_up_at.0;
        let committed_at = if random.chance(400_000) {
            person.signed_up_at.plus(random.at(1).between(0, since_sign_up - 1))
        } else {
            person.signed_up_at
        };
        Change {
            operation: Operation::Snapshot,
            committed_at,
            ordinal: 0,
            before: None,
            after: Some(self.first_profile(person)),
        }
    }

    /// The changes of the user's row on that day, in the order in which they were made.
    pub(crate) fn changes_on(&self, person: &Person, day: i64) -> Vec<Change> {
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
            changes.push(Change {
                operation: Operation::Insert,
                committed_at: person.signed_up_at,
                ordinal: 0,
                before: None,
                after: Some(profile),
            });
        }
        for (committed_at, ordinal, edit) in edits {
            let after = self.edited(person, profile, edit, day);
            changes.push(Change {
                operation: Operation::Update,
                committed_at,
                ordinal,
                before: Some(profile),
                after: Some(after),
            });
            profile = after;
        }
        if deleted {
            changes.push(Change {
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
            pattern.first.iter().zip(0_u8..).map(|(edit, ordinal)| (first_at, ordinal, *edit));
        let second_at = first_at.plus(pause);
        let second =
            pattern.second.iter().zip(0_u8..).map(|(edit, ordinal)| (second_at, ordinal, *edit));
        let earliest = person.signed_up_at.max(self.start_at).plus(MICROS_PER_MINUTE);
        first.chain(second).filter(|edit| edit.0 > earliest && edit.0 < person.deleted_at).collect()
    }

    fn profile_before(&self, person: &Person, day: i64) -> Profile {
        let first_day = person.signed_up_at.max(self.start_at).day();
        let mut profile = self.first_profile(person);
        for earlier in first_day..day {
            for (_, _, edit) in self.edits_on(person, earlier) {
                profile = self.edited(person, profile, edit, earlier);
            }
        }
        profile
    }

    /// What the row holds at sign-up, or at the start of the scenario.
    fn first_profile(&self, person: &Person) -> Profile {
        let random = self.random.at(person.user).stream("profile");
        Profile {
            country_code: person.country.code,
            plan: random.stream("plan").weighted(&[(0, 820), (1, 140), (2, 40)]),
            marketing_opt_in: random.stream("opt_in").chance(350_000),
            email_version: 0,
            phone_version: random.stream("phone").chance(700_000).then_some(0),
        }
    }

    fn edited(&self, person: &Person, profile: Profile, edit: Edit, day: i64) -> Profile {
        match edit {
            Edit::NextPlan => Profile { plan: (profile.plan + 1) % PLANS.len(), ..profile },
            Edit::PreviousPlan => {
                Profile { plan: (profile.plan + PLANS.len() - 1) % PLANS.len(), ..profile }
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
