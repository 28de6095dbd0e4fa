//! Rows of the backend's table `subscriptions`, which follow the plans of the users: who has a
//! plan other than the free one has exactly one active subscription, of that plan. A change of the
//! plan changes the subscription in the same transaction.

use crate::accounts::{AccountChange, Profile, Subscription};
use crate::arrival::Operation;
use crate::changes::Change;
use crate::people::Person;
use crate::rows::{Row, SubscriptionRow};
use crate::shop::local_price_micros;

/// What a month costs, by the number of the plan, in the reporting currency.
const PRICE_MICROS: [i64; 3] = [0, 4_990_000, 9_990_000];

/// Who deletes the account loses the subscription's row as well in so many cases, in millionths;
/// in the others it stays, cancelled.
const ERASED_PARTS: u64 = 400_000;

/// What happens to the user's subscriptions in the transaction of a change of the account.
pub(crate) fn changes_with(person: &Person, change: &AccountChange) -> Option<Change> {
    let before = change.before.as_ref().and_then(|profile| active(person, profile));
    let after = change.after.as_ref().and_then(|profile| active(person, profile));
    let ended = |row: Option<SubscriptionRow>| {
        row.map(|row| SubscriptionRow {
            status: "cancelled".to_owned(),
            ended_at: Some(change.committed_at),
            ..row
        })
    };
    if before == after {
        return None;
    }
    let is_erased = change.operation == Operation::Delete
        && person.random.stream("subscription").chance(ERASED_PARTS);
    let after = match after {
        None if !is_erased => ended(before.clone()),
        after => after,
    };
    let (before, after) = (before.map(Row::Subscription), after.map(Row::Subscription));
    // The account's own changes have the even places in the transaction.
    let ordinal = change.ordinal + 1;
    let change_of_row = Change::between(change.committed_at, ordinal, before, after);
    let is_snapshot = change.operation == Operation::Snapshot;
    let operation = if is_snapshot { Operation::Snapshot } else { change_of_row.operation };
    Some(Change { operation, ..change_of_row })
}

/// The user's active subscription.
fn active(person: &Person, profile: &Profile) -> Option<SubscriptionRow> {
    let Subscription { number, started_at } = profile.subscription?;
    Some(SubscriptionRow {
        subscription_id: format!("b{}.{number}", person.user),
        user_id: person.user_id(),
        plan: profile.plan_name().to_owned(),
        status: "active".to_owned(),
        price_micros: local_price_micros(PRICE_MICROS[profile.plan], person.country),
        currency_code: person.country.currency_code.to_owned(),
        started_at,
        ended_at: None,
    })
}
