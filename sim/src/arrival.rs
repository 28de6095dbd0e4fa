//! What reaches the server, and what the sender meant by it.

use crate::events::Event;
use crate::messages::Messages;
use crate::rows::Row;
use crate::time::MicrosUtc;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The app, from the users' phones.
    MobileEvents,
    /// The change stream of the backend's table `users`.
    DbUsers,
    /// The change stream of `products`.
    DbProducts,
    /// The change stream of `orders`.
    DbOrders,
    /// The change stream of `order_items`.
    DbOrderItems,
    /// The change stream of `payments`.
    DbPayments,
    /// The change stream of `subscriptions`.
    DbSubscriptions,
}

impl Source {
    /// Every source, in order.
    pub const ALL: [Source; 7] = [
        Source::MobileEvents,
        Source::DbUsers,
        Source::DbProducts,
        Source::DbOrders,
        Source::DbOrderItems,
        Source::DbPayments,
        Source::DbSubscriptions,
    ];

    /// The name that the pipeline knows it by, such as `mobile_events`.
    pub const fn name(self) -> &'static str {
        match self {
            Source::MobileEvents => "mobile_events",
            Source::DbUsers => "db_users",
            Source::DbProducts => "db_products",
            Source::DbOrders => "db_orders",
            Source::DbOrderItems => "db_order_items",
            Source::DbPayments => "db_payments",
            Source::DbSubscriptions => "db_subscriptions",
        }
    }
}

/// One batch of messages that reaches the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who sends.
    pub source: Source,
    /// The phone (its user's number), or the shard of the database. What has the same source and
    /// lane is sent in order.
    pub lane: u64,
    /// When the server has it, in simulated time. Strictly increasing within a lane.
    pub arrived_at: MicrosUtc,
    /// When it was sent by the sender's own clock, which may be wrong.
    pub sent_at: MicrosUtc,
    /// The messages, in the order in which they stand in the batch.
    pub messages: Messages,
    /// What the sender learns of it.
    pub outcome: Outcome,
}

/// What the sender experiences after the server has acknowledged a batch.
///
/// After the last two it cannot know that the batch is safe, and the plan holds a later arrival
/// with the same messages (unless that would come after the end of the scenario).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The acknowledgement came.
    Acknowledged,
    /// It did not come, on a connection that stays open.
    AcknowledgementLost,
    /// The connection broke before it came.
    ConnectionBroken,
}

/// One message: the bytes, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The bytes as sent, without a line feed (0x0A).
    pub payload: &'a [u8],
    /// What the sender meant by them.
    pub meaning: &'a Meaning,
}

/// What a message means, whatever its date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// A well-formed event of the app.
    MobileEvent(MobileEvent),
    /// A well-formed change of a row in the backend's database.
    RowChange(RowChange),
    /// The payload is broken, and must be rejected for this reason.
    Invalid(RejectReason),
}

/// What an event of the app says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MobileEvent {
    /// Made by the phone, once per event.
    pub event_id: String,
    /// What happened.
    pub event: Event,
    /// The part of the app.
    pub functionality: Cow<'static, str>,
    /// Who did it.
    pub user_id: String,
    /// When it happened, by the phone's clock.
    pub occurred_at: MicrosUtc,
    /// The product that was seen or put into the cart.
    pub product_id: Option<String>,
    /// In which visit to the app.
    pub visit: Arc<Visit>,
}

/// A visit to the app: what all its events say alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Made by the phone, once per visit; may be empty in a set made for tests.
    pub session_id: String,
    /// The phone.
    pub device_id: String,
    /// The version of the app.
    pub app_version: String,
    /// `android` or `ios`.
    pub os: Cow<'static, str>,
    /// Where the phone was, ISO 3166-1 alpha-2.
    pub country_code: Cow<'static, str>,
}

/// What a change of a row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// Of which table.
    pub source: Source,
    /// The key of the row; its parts are separated by `/`.
    pub key: String,
    /// What was done.
    pub operation: Operation,
    /// The order of changes in the database.
    pub lsn: i64,
    /// When the transaction was committed.
    pub committed_at: MicrosUtc,
    /// The row after the change; none after a delete.
    pub row: Option<Row>,
    /// Everything that makes two changes the same change: all fields of the source's contract.
    pub identity: String,
}

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The row as it was when the stream began.
    Snapshot,
    /// A new row.
    Insert,
    /// A changed row.
    Update,
    /// A row that is gone.
    Delete,
}

impl Operation {
    /// The name in the payload, such as `snapshot`.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Snapshot => "snapshot",
            Operation::Insert => "insert",
            Operation::Update => "update",
            Operation::Delete => "delete",
        }
    }
}

/// Why a message must be rejected. In order of precedence: the first that holds is the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not JSON.
    NotJson,
    /// A required field is missing, null or an empty string.
    MissingKey,
    /// A field's text is not of the field's type.
    WrongType,
    /// No such event.
    UnknownEvent,
    /// No such operation on a row.
    UnknownOperation,
    /// The business date lies too far before the load date. Decided by the truth, from dates.
    TooLate,
    /// The business date lies too far after the load date. Decided by the truth, from dates.
    InFuture,
}

impl RejectReason {
    /// The code in the tables, such as `not_utf8`.
    pub const fn code(self) -> &'static str {
        match self {
            RejectReason::NotUtf8 => "not_utf8",
            RejectReason::NotJson => "not_json",
            RejectReason::MissingKey => "missing_key",
            RejectReason::WrongType => "wrong_type",
            RejectReason::UnknownEvent => "unknown_event",
            RejectReason::UnknownOperation => "unknown_operation",
            RejectReason::TooLate => "too_late",
            RejectReason::InFuture => "in_future",
        }
    }
}
