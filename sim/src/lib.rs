//! Deterministic simulation of an app's users: what their phones and the backend's database send,
//! which faults befall it on the way, and the truth that a pipeline must find in it.
//!
//! Same seed, same bytes, on any machine. So there is no I/O here, no clock, no thread, no float
//! function whose last digit depends on the machine, and no order that depends on a hash map.
//! Every random value is a hash of the seed and of what it is for ([`Scenario`]'s seed, a name,
//! a user, a day), so that any day can be produced without producing the days before it, and any
//! shard of the users without the others ([`Day::shard`]).
//!
//! This crate knows nothing of the pipeline. In particular the truth is computed from what the
//! generator meant by each message, never by parsing payloads and never through SQL.

mod accounts;
mod arrival;
mod catalogue;
mod change_message;
mod changes;
mod connector;
mod countries;
mod database;
mod database_payload;
mod day;
mod events;
mod faults;
mod growth;
mod json;
mod messages;
mod mobile_payload;
mod nasty;
mod orders;
mod outbox;
mod people;
mod phone;
mod purchases;
mod random;
mod rows;
mod scenario;
mod sessions;
mod shards;
mod shop;
mod simulation;
mod subscriptions;
mod time;
mod truth;
mod walk;

pub use arrival::{
    Arrival, Meaning, Message, MobileEvent, Operation, Outcome, RejectReason, RowChange, Source,
    Visit,
};
pub use day::{Arrivals, Day};
pub use events::{EVENT_NAMES, Event};
pub use faults::{Fault, FaultRule, PartsPerMillion};
pub use messages::Messages;
pub use nasty::{nasty, nasty_from};
pub use random::digest;
pub use rows::{OrderItemRow, OrderRow, PaymentRow, ProductRow, Row, SubscriptionRow, UserRow};
pub use scenario::{AccountRates, Commerce, Population, Scenario, ScenarioError};
pub use shards::SHARD_COUNT;
pub use simulation::Simulation;
pub use time::MicrosUtc;
pub use truth::{
    ActivityTruth, FunnelTruth, Limits, LoadDayTruth, RevenueTruth, SessionTruth, Truth,
    TruthRecorder,
};
