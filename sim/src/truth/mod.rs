//! The truth: what a pipeline must find in the messages that were sent.
//!
//! It is computed from the meanings that the generator wrote down, never from payloads and never
//! through SQL. What was observed in which order does not matter: messages are ordered by
//! (`arrived_at`, `lane`, place in the batch).

mod activity;
mod recorder;
mod revenue;
mod sessions;
mod sum;

pub use recorder::TruthRecorder;

use crate::arrival::Source;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The limits in the contracts of the pipeline's sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many days before its load date the business date of an event may lie.
    pub max_lateness_days: i32,
    /// How many days after its load date the date of an event or a commit may lie.
    pub max_skew_days: i32,
}

impl Limits {
    /// How many load dates back an earlier copy of an event is looked for.
    pub(crate) fn lookback_days(self) -> i64 {
        i64::from(self.max_lateness_days) + i64::from(self.max_skew_days)
    }
}

/// What a pipeline must find. Business dates end with the last load date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Per source and load date, for the dates on which something was archived.
    pub load_days: BTreeMap<Source, BTreeMap<Date, LoadDayTruth>>,
    /// Per business date, for the dates on which somebody was active within the last 28 days, or
    /// on the day before those.
    pub activity_days: BTreeMap<Date, ActivityTruth>,
    /// Per business date and date of sign-up, active users who signed up on that date; up to 28
    /// days later, and where there are any.
    pub retention_days: BTreeMap<Date, BTreeMap<Date, u64>>,
    /// Per date on which sessions began, for the dates on which any did.
    pub session_days: BTreeMap<Date, SessionTruth>,
    /// The same per functionality, as far as sessions reached it.
    pub funnel_days: BTreeMap<Date, BTreeMap<String, FunnelTruth>>,
    /// Per business date, and country and currency such as `NL/EUR`, for those in which anything
    /// moved.
    pub revenue_days: BTreeMap<Date, BTreeMap<String, RevenueTruth>>,
}

/// What becomes of the messages of a source on a load date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadDayTruth {
    /// Messages that were sent.
    pub archived: u64,
    /// Messages that reach the vault.
    pub accepted: u64,
    /// Valid messages that say again what was said before.
    pub duplicates: u64,
    /// Messages that are refused, by the code of the reason.
    pub rejected: BTreeMap<String, u64>,
    /// Wrapping sum of [`crate::digest`] over the accepted messages: of the `event_id` of an
    /// event, of `"{key}/{lsn}"` of a change.
    pub accepted_digest: u64,
}

/// What the users did on a business date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityTruth {
    /// Users with an event on the date.
    pub active_users: u64,
    /// Users with an event on the date or the 6 before.
    pub active_users_7_days: u64,
    /// Users with an event on the date or the 27 before.
    pub active_users_28_days: u64,
    /// Active users who signed up on the date.
    pub new_users: u64,
    /// Active users who signed up before.
    pub returning_users: u64,
    /// Active users of whom nothing is known at the end of the date, or who are deleted by then,
    /// or whose sign-up lies after it.
    pub unknown_users: u64,
    /// Users with an event 28 days before the date, and none since.
    pub churned_users: u64,
    /// Events on the date.
    pub event_count: u64,
    /// Active users by their plan at the end of the date; `unknown` for those without one.
    pub active_users_by_plan: BTreeMap<String, u64>,
}

/// What happened in the sessions of a date. A session is of the date on which it began, if its
/// events lie on two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTruth {
    /// Sessions of a user.
    pub session_count: u64,
    /// Their events.
    pub event_count: u64,
    /// Events `product_viewed`.
    pub product_view_count: u64,
    /// Events `cart_item_added`.
    pub cart_addition_count: u64,
    /// Events `checkout_started`.
    pub checkout_count: u64,
    /// Events `order_placed`.
    pub order_count: u64,
    /// Events `payment_submitted`.
    pub payment_count: u64,
}

/// How many came as far as a functionality, through all those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunnelTruth {
    /// Sessions.
    pub session_count: u64,
    /// Their users.
    pub user_count: u64,
}

/// By how much orders and payments moved on a date, in one country and currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevenueTruth {
    /// Orders.
    pub order_count: i64,
    /// What all orders are worth: lines and shipping, less discounts.
    pub gross_micros: i64,
    /// What of that is cancelled.
    pub cancelled_micros: i64,
    /// What of that was returned.
    pub returned_micros: i64,
    /// What was paid.
    pub captured_micros: i64,
    /// What of that was given back.
    pub refunded_micros: i64,
}
