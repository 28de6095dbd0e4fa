//! The bytes of a change of a row, and what makes two changes the same.

use crate::json::{Defect, ObjectWriter};
use crate::rows::Row;
use crate::time::MicrosUtc;

/// A change, as `layers/raw/db_*.toml` name its fields.
#[derive(Clone, Debug)]
pub(crate) struct ChangeFields<'a> {
    /// The name of an operation, or of none.
    pub(crate) operation: &'static str,
    pub(crate) lsn: i64,
    pub(crate) transaction_id: String,
    pub(crate) committed_at: MicrosUtc,
    pub(crate) before: Option<&'a Row>,
    pub(crate) after: Option<&'a Row>,
}

impl ChangeFields<'_> {
    /// Such as `{"op":"update","lsn":…,"transaction_id":"…","committed_at":"…","before":{…},"after":{…}}`.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>, defects: &[Defect]) {
        let mut object = ObjectWriter::new(bytes, defects);
        self.write_head(&mut object);
        write_row(&mut object, "before", self.before, Row::write);
        write_row(&mut object, "after", self.after, Row::write);
        object.finish();
    }

    /// All fields of the contract in one text: of the row before, that is its key only.
    pub(crate) fn identity(&self) -> String {
        self.identity_with(&[])
    }

    /// The identity of a payload that is written with these defects.
    pub(crate) fn identity_with(&self, defects: &[Defect]) -> String {
        let mut bytes = Vec::new();
        let mut object = ObjectWriter::new(&mut bytes, defects);
        self.write_head(&mut object);
        write_row(&mut object, "before", self.before, Row::write_key);
        write_row(&mut object, "after", self.after, Row::write);
        object.finish();
        String::from_utf8(bytes).expect("written from strings")
    }

    fn write_head(&self, object: &mut ObjectWriter<'_>) {
        object.string("op", self.operation);
        object.integer("lsn", self.lsn);
        object.string("transaction_id", &self.transaction_id);
        object.instant("committed_at", self.committed_at);
    }
}

fn write_row(
    object: &mut ObjectWriter<'_>,
    name: &'static str,
    row: Option<&Row>,
    write: fn(&Row, &mut ObjectWriter<'_>),
) {
    let Some(row) = row else {
        return object.null(name);
    };
    object.open(name);
    write(row, object);
    object.close();
}
