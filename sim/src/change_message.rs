//! The message of a change: its payload, sometimes broken, and what it means.

use crate::arrival::{Meaning, Message, RejectReason, RowChange, Source};
use crate::changes::Change;
use crate::database_payload::ChangeFields;
use crate::faults::{Fault, Faults, Subject};
use crate::json::Defect;
use crate::phone::{not_utf8, truncated};
use crate::random::Random;
use crate::time::MicrosUtc;

/// Log sequence numbers of a microsecond: no transaction changes more rows.
const LSN_PER_MICRO: i64 = 64;

/// Follows the time of the commit over the whole database, and the order within a transaction.
pub(crate) fn lsn(began_at: MicrosUtc, change: &Change) -> i64 {
    (change.committed_at.0 - began_at.0) * LSN_PER_MICRO + i64::from(change.ordinal)
}

/// Writes messages of changes.
pub(crate) struct ChangeMessages<'a> {
    pub(crate) faults: &'a Faults,
    pub(crate) random: Random,
    /// When the database was made.
    pub(crate) began_at: MicrosUtc,
}

impl ChangeMessages<'_> {
    /// The message of a change, which is the same whenever it is sent.
    pub(crate) fn message(&self, change: &Change) -> Message {
        let (source, key) = (change.row().source(), change.row().key());
        let lsn = lsn(self.began_at, change);
        let random = self.random.stream(source.name()).stream(&key).on(lsn);
        let verdict = self.faults.verdict(Subject::Change, random);
        let mut fields = ChangeFields {
            operation: change.operation.name(),
            lsn,
            transaction_id: format!("t{:x}", lsn / LSN_PER_MICRO),
            committed_at: change.committed_at,
            before: change.before.clone(),
            after: change.after.clone(),
        };
        let reason = match verdict {
            Some(Fault::ChangeMissingKey) => RejectReason::MissingKey,
            Some(Fault::ChangeMalformedJson) => RejectReason::NotJson,
            Some(Fault::ChangeNotUtf8) => RejectReason::NotUtf8,
            Some(Fault::ChangeWrongType) => RejectReason::WrongType,
            Some(Fault::ChangeUnknownOperation) => RejectReason::UnknownOperation,
            _ => return valid_message(source, key, change, &fields),
        };
        let defect = random.stream("defect");
        let payload = match reason {
            RejectReason::MissingKey => fields.to_bytes(&[missing_key(source, defect)]),
            RejectReason::WrongType => {
                let is_deletion = change.after.is_none();
                fields.to_bytes(&[wrong_type(source, is_deletion, defect)])
            }
            RejectReason::UnknownOperation => {
                fields.operation = "truncate";
                fields.to_bytes(&[])
            }
            RejectReason::NotUtf8 => not_utf8(fields.to_bytes(&[]), defect),
            _ => truncated(fields.to_bytes(&[]), defect),
        };
        Message { payload, meaning: Meaning::Invalid(reason) }
    }
}

fn valid_message(source: Source, key: String, change: &Change, fields: &ChangeFields) -> Message {
    let meaning = Meaning::RowChange(RowChange {
        source,
        key,
        operation: change.operation,
        lsn: fields.lsn,
        committed_at: change.committed_at,
        row: fields.after.clone(),
        identity: fields.identity(),
    });
    Message { payload: fields.to_bytes(&[]), meaning }
}

fn missing_key(source: Source, random: Random) -> Defect {
    let key_fields: &[&'static str] = match source {
        Source::MobileEvents => &["event_id"],
        Source::DbUsers => &["user_id"],
        Source::DbProducts => &["product_id"],
        Source::DbOrders => &["order_id"],
        Source::DbOrderItems => &["order_id", "line_number"],
        Source::DbPayments => &["payment_id"],
        Source::DbSubscriptions => &["subscription_id"],
    };
    let field = if random.chance(400_000) { "lsn" } else { *random.at(0).pick(key_fields) };
    if random.at(1).chance(700_000) { Defect::Missing(field) } else { Defect::Null(field) }
}

/// A field whose value is not of its type. After a deletion only what stands outside of the row
/// is looked at.
fn wrong_type(source: Source, is_deletion: bool, random: Random) -> Defect {
    let outside_the_row = [
        Defect::Instead("lsn", "\"many\""),
        Defect::Instead("committed_at", "\"yesterday\""),
        Defect::Instead("lsn", "12.5"),
    ];
    let of_the_row = match source {
        Source::MobileEvents => Defect::Instead("sequence", "\"seven\""),
        Source::DbUsers => Defect::Instead("marketing_opt_in", "\"perhaps\""),
        Source::DbProducts => Defect::Instead("list_price_micros", "\"cheap\""),
        Source::DbOrders => Defect::Instead("placed_at", "\"yesterday\""),
        Source::DbOrderItems => Defect::Instead("quantity", "1.5"),
        Source::DbPayments => Defect::Instead("amount_micros", "\"all of it\""),
        Source::DbSubscriptions => Defect::Instead("price_micros", "true"),
    };
    if is_deletion || random.chance(600_000) {
        *random.at(0).pick(&outside_the_row)
    } else {
        of_the_row
    }
}
