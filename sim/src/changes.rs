//! A change of a row as the database's log has it, whatever the table.

use crate::arrival::{Operation, Source};
use crate::rows::Row;
use crate::time::MicrosUtc;
use std::collections::BTreeMap;

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) operation: Operation,
    /// When its transaction was committed.
    pub(crate) committed_at: MicrosUtc,
    /// Which change of the transaction it is, from zero.
    pub(crate) ordinal: u8,
    pub(crate) before: Option<Row>,
    pub(crate) after: Option<Row>,
}

impl Change {
    /// What leads from the one row to the other, of which at least one must be there.
    pub(crate) fn between(
        committed_at: MicrosUtc,
        ordinal: u8,
        before: Option<Row>,
        after: Option<Row>,
    ) -> Change {
        let operation = match (&before, &after) {
            (None, _) => Operation::Insert,
            (Some(_), Some(_)) => Operation::Update,
            (Some(_), None) => Operation::Delete,
        };
        Change { operation, committed_at, ordinal, before, after }
    }

    /// The row that changed.
    pub(crate) fn row(&self) -> &Row {
        self.after.as_ref().or(self.before.as_ref()).expect("a change has a row before or after")
    }
}

/// The rows that the changes leave behind, as a snapshot has them: each as of its last change.
pub(crate) fn snapshot(changes: impl IntoIterator<Item = Change>) -> Vec<Change> {
    let mut last: BTreeMap<(Source, String), Change> = BTreeMap::new();
    for change in changes {
        last.insert((change.row().source(), change.row().key()), change);
    }
    last.into_values()
        .filter(|change| change.after.is_some())
        .map(|change| Change { operation: Operation::Snapshot, before: None, ..change })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Change, snapshot};
    use crate::arrival::Operation;
    use crate::rows::{OrderItemRow, Row};
    use crate::time::MicrosUtc;

    fn line(line_number: i64, quantity: i64) -> Row {
        let (order_id, product_id) = ("o1".to_owned(), "p1".to_owned());
        Row::OrderItem(OrderItemRow {
            order_id,
            line_number,
            product_id,
            quantity,
            unit_price_micros: 5,
        })
    }

    #[test]
    fn a_snapshot_has_each_row_that_is_left_as_of_its_last_change() {
        let changes = [
            Change::between(MicrosUtc(1), 0, None, Some(line(1, 1))),
            Change::between(MicrosUtc(1), 1, None, Some(line(2, 1))),
            Change::between(MicrosUtc(5), 0, Some(line(1, 1)), Some(line(1, 7))),
            Change::between(MicrosUtc(6), 0, Some(line(2, 1)), None),
        ];
        assert_eq!(changes[3].operation, Operation::Delete);
        let expected = Change {
            operation: Operation::Snapshot,
            committed_at: MicrosUtc(5),
            ordinal: 0,
            before: None,
            after: Some(line(1, 7)),
        };
        assert_eq!(snapshot(changes), [expected]);
    }
}
