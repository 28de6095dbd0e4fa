//! The bytes of a change of a user's row, and what makes two changes the same.

use crate::json::{Defect, ObjectWriter};
use crate::time::MicrosUtc;

/// A change, as `layers/raw/db_users.toml` names its fields.
#[derive(Clone, Debug)]
pub(crate) struct ChangeFields {
    /// The name of an operation, or of none.
    pub(crate) operation: &'static str,
    pub(crate) lsn: i64,
    pub(crate) transaction_id: String,
    pub(crate) committed_at: MicrosUtc,
    pub(crate) before: Option<Row>,
    pub(crate) after: Option<Row>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user_id: String,
    pub(crate) signed_up_at: MicrosUtc,
    pub(crate) country_code: String,
    pub(crate) plan: String,
    pub(crate) marketing_opt_in: bool,
    pub(crate) email: String,
    pub(crate) phone_number: Option<String>,
}

impl ChangeFields {
    /// Such as `{"op":"update","lsn":…,"transaction_id":"…","committed_at":"…","before":{…},"after":{…}}`.
    pub(crate) fn to_bytes(&self, defects: &[Defect]) -> Vec<u8> {
        let mut object = ObjectWriter::new(defects);
        object.string("op", self.operation);
        object.integer("lsn", self.lsn);
        object.string("transaction_id", &self.transaction_id);
        object.instant("committed_at", self.committed_at);
        write_row(&mut object, "before", self.before.as_ref());
        write_row(&mut object, "after", self.after.as_ref());
        object.finish()
    }

    /// All fields of the contract in one text: of the row before, that is its key only.
    pub(crate) fn identity(&self) -> String {
        let mut object = ObjectWriter::new(&[]);
        object.string("op", self.operation);
        object.integer("lsn", self.lsn);
        object.string("transaction_id", &self.transaction_id);
        object.instant("committed_at", self.committed_at);
        object.optional_string("before", self.before.as_ref().map(|row| row.user_id.as_str()));
        write_row(&mut object, "after", self.after.as_ref());
        String::from_utf8(object.finish()).expect("written from strings")
    }
}

fn write_row(object: &mut ObjectWriter<'_>, name: &'static str, row: Option<&Row>) {
    let Some(row) = row else {
        return object.null(name);
    };
    object.open(name);
    object.string("user_id", &row.user_id);
    object.instant("signed_up_at", row.signed_up_at);
    object.string("country_code", &row.country_code);
    object.string("plan", &row.plan);
    object.boolean("marketing_opt_in", row.marketing_opt_in);
    object.string("email", &row.email);
    object.optional_string("phone_number", row.phone_number.as_deref());
    object.close();
}
