//! The message of a change: its payload, sometimes broken, and what it means.

use crate::arrival::{Meaning, RejectReason, RowChange, Source};
use crate::changes::Change;
use crate::database_payload::ChangeFields;
use crate::faults::{Fault, Faults, Subject};
use crate::json::Defect;
use crate::messages::Messages;
use crate::phone::{spoil, truncate};
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
    /// Adds the message of a change, which is the same whenever it is sent.
    pub(crate) fn write(&self, change: &Change, has_meaning: bool, messages: &mut Messages) {
        let (source, key) = (change.row().source(), change.row().key());
        let lsn = lsn(self.began_at, change);
        let random = self.random.stream(source.name()).stream(&key).on(lsn);
        let verdict = self.faults.verdict(Subject::Change, random);
        let mut fields = ChangeFields {
            operation: change.operation.name(),
            lsn,
            transaction_id: format!("t{:x}", lsn / LSN_PER_MICRO),
            committed_at: change.committed_at,
            before: change.before.as_ref(),
            after: change.after.as_ref(),
        };
        let reason = match verdict {
            Some(Fault::ChangeMissingKey) => RejectReason::MissingKey,
            Some(Fault::ChangeMalformedJson) => RejectReason::NotJson,
            Some(Fault::ChangeNotUtf8) => RejectReason::NotUtf8,
            Some(Fault::ChangeWrongType) => RejectReason::WrongType,
            Some(Fault::ChangeUnknownOperation) => RejectReason::UnknownOperation,
            _ => {
                messages.write(|bytes| fields.write(bytes, &[]));
                if has_meaning {
                    messages.mean(meaning(source, key, change, &fields));
                }
                return;
            }
        };
        let random = random.stream("defect");
        let defects: &[Defect] = match reason {
            RejectReason::MissingKey => &[missing_key(source, random)],
            RejectReason::WrongType => &[wrong_type(source, change.after.is_none(), random)],
            _ => &[],
        };
        if reason == RejectReason::UnknownOperation {
            fields.operation = "truncate";
        }
        messages.write(|bytes| {
            let start = bytes.len();
            fields.write(bytes, defects);
            match reason {
                RejectReason::NotJson => truncate(bytes, start, random),
                RejectReason::NotUtf8 => spoil(&mut bytes[start..], random),
                _ => {}
            }
        });
        if has_meaning {
            messages.mean(Meaning::Invalid(reason));
        }
    }
}

fn meaning(source: Source, key: String, change: &Change, fields: &ChangeFields<'_>) -> Meaning {
    Meaning::RowChange(RowChange {
        source,
        key,
        operation: change.operation,
        lsn: fields.lsn,
        committed_at: change.committed_at,
        row: change.after.clone(),
        identity: fields.identity(),
    })
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
