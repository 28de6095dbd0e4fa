//! An independent reader of payloads: says whether a payload is what its meaning says.

use serde_json::Value;
use sim::{
    EVENT_NAMES, Meaning, Message, MicrosUtc, MobileEvent, RejectReason, Row, RowChange, Source,
};

const OPERATIONS: [&str; 4] = ["snapshot", "insert", "update", "delete"];

/// The types of fields that are not texts.
#[derive(Clone, Copy)]
enum Type {
    Integer,
    Instant,
    Boolean,
}

/// What there is to know of a change stream: the fields of its key, and those that are not texts.
struct Table {
    source: Source,
    key: &'static [&'static str],
    typed: &'static [(&'static str, Type)],
}

const TABLES: [Table; 6] = [
    Table {
        source: Source::DbUsers,
        key: &["user_id"],
        typed: &[("signed_up_at", Type::Instant), ("marketing_opt_in", Type::Boolean)],
    },
    Table {
        source: Source::DbProducts,
        key: &["product_id"],
        typed: &[("list_price_micros", Type::Integer), ("is_active", Type::Boolean)],
    },
    Table {
        source: Source::DbOrders,
        key: &["order_id"],
        typed: &[
            ("placed_at", Type::Instant),
            ("shipping_micros", Type::Integer),
            ("discount_micros", Type::Integer),
        ],
    },
    Table {
        source: Source::DbOrderItems,
        key: &["order_id", "line_number"],
        typed: &[
            ("line_number", Type::Integer),
            ("quantity", Type::Integer),
            ("unit_price_micros", Type::Integer),
        ],
    },
    Table {
        source: Source::DbPayments,
        key: &["payment_id"],
        typed: &[
            ("amount_micros", Type::Integer),
            ("refunded_micros", Type::Integer),
            ("attempted_at", Type::Instant),
        ],
    },
    Table {
        source: Source::DbSubscriptions,
        key: &["subscription_id"],
        typed: &[
            ("price_micros", Type::Integer),
            ("started_at", Type::Instant),
            ("ended_at", Type::Instant),
        ],
    },
];

/// What a pipeline would find in the payload, or why it would reject it.
#[derive(Debug, PartialEq)]
enum Reading {
    Event {
        event_id: String,
        user_id: String,
        occurred_at: MicrosUtc,
        event_name: String,
        product_id: Option<String>,
    },
    Change {
        key: String,
        lsn: i64,
        committed_at: MicrosUtc,
        operation: String,
        row: Vec<Value>,
    },
    Reject(RejectReason),
}

pub fn check_message(source: Source, message: &Message) -> Result<(), String> {
    if message.payload.contains(&b'\n') {
        return Err("the payload holds a line feed".to_owned());
    }
    let found = match TABLES.iter().find(|table| table.source == source) {
        Some(table) => read_change(message.payload, table),
        None => read_event(message.payload),
    };
    let expected = match &message.meaning {
        Meaning::Invalid(reason) => Reading::Reject(*reason),
        Meaning::MobileEvent(event) => expected_event(event),
        Meaning::RowChange(change) => expected_change(change),
    };
    if found == expected { Ok(()) } else { Err(format!("reads as {found:?}, not {expected:?}")) }
}

fn expected_event(event: &MobileEvent) -> Reading {
    Reading::Event {
        event_id: event.event_id.clone(),
        user_id: event.user_id.clone(),
        occurred_at: event.occurred_at,
        event_name: event.event.name().to_owned(),
        product_id: event.product_id.clone(),
    }
}

fn expected_change(change: &RowChange) -> Reading {
    Reading::Change {
        key: change.key.clone(),
        lsn: change.lsn,
        committed_at: change.committed_at,
        operation: change.operation.name().to_owned(),
        row: change.row.as_ref().map(expected_row).map(as_said).unwrap_or_default(),
    }
}

/// What the truth looks at in a row.
fn expected_row(row: &Row) -> Vec<Value> {
    match row {
        Row::User(row) => vec![row.plan.as_str().into(), row.signed_up_at.to_rfc3339().into()],
        Row::Product(row) => vec![row.list_price_micros.into(), row.is_active.into()],
        Row::Order(row) => vec![
            row.status.as_str().into(),
            row.country_code.as_str().into(),
            row.currency_code.as_str().into(),
            row.shipping_micros.into(),
            row.discount_micros.into(),
        ],
        Row::OrderItem(row) => vec![row.quantity.into(), row.unit_price_micros.into()],
        Row::Payment(row) => vec![
            row.status.as_str().into(),
            row.country_code.as_str().into(),
            row.currency_code.as_str().into(),
            row.amount_micros.into(),
            row.refunded_micros.into(),
        ],
        Row::Subscription(row) => vec![
            row.plan.as_str().into(),
            row.status.as_str().into(),
            row.ended_at.map_or(Value::Null, |ended_at| ended_at.to_rfc3339().into()),
        ],
    }
}

/// A meaning has no NULL: an empty code or an amount of zero stands for a field that is not said.
fn as_said(row: Vec<Value>) -> Vec<Value> {
    let is_empty = |value: &Value| *value == "" || *value == 0;
    row.into_iter().map(|value| if is_empty(&value) { Value::Null } else { value }).collect()
}

/// The names of those fields.
const fn looked_at(source: Source) -> &'static [&'static str] {
    match source {
        Source::MobileEvents => &[],
        Source::DbUsers => &["plan", "signed_up_at"],
        Source::DbProducts => &["list_price_micros", "is_active"],
        Source::DbOrders => {
            &["status", "country_code", "currency_code", "shipping_micros", "discount_micros"]
        }
        Source::DbOrderItems => &["quantity", "unit_price_micros"],
        Source::DbPayments => {
            &["status", "country_code", "currency_code", "amount_micros", "refunded_micros"]
        }
        Source::DbSubscriptions => &["plan", "status", "ended_at"],
    }
}

fn read_event(payload: &[u8]) -> Reading {
    try_read_event(payload).unwrap_or_else(Reading::Reject)
}

fn read_change(payload: &[u8], table: &Table) -> Reading {
    try_read_change(payload, table).unwrap_or_else(Reading::Reject)
}

fn parse(payload: &[u8]) -> Result<Value, RejectReason> {
    let text = std::str::from_utf8(payload).map_err(|_| RejectReason::NotUtf8)?;
    serde_json::from_str(text).map_err(|_| RejectReason::NotJson)
}

/// The required fields, all of which must be there before any type is looked at. Neither null nor
/// an empty text is.
fn required<'a, const N: usize>(
    value: &'a Value,
    pointers: [&str; N],
) -> Result<[&'a Value; N], RejectReason> {
    let is_given = |field: &&Value| !field.is_null() && field.as_str() != Some("");
    let found = pointers.map(|pointer| value.pointer(pointer).filter(is_given));
    if found.iter().any(Option::is_none) {
        return Err(RejectReason::MissingKey);
    }
    Ok(found.map(Option::unwrap))
}

fn try_read_event(payload: &[u8]) -> Result<Reading, RejectReason> {
    let value = parse(payload)?;
    let pointers = ["/event_id", "/event_name", "/user_id", "/sequence", "/occurred_at"];
    let [event_id, event_name, user_id, sequence, occurred_at] = required(&value, pointers)?;
    integer(sequence)?;
    for pointer in ["/properties/quantity", "/properties/amount_micros", "/properties/duration_ms"]
    {
        value.pointer(pointer).map_or(Ok(0), integer)?;
    }
    let occurred_at = instant(occurred_at)?;
    let event_name = text(event_name);
    if !EVENT_NAMES.contains(&event_name.as_str()) {
        return Err(RejectReason::UnknownEvent);
    }
    let product_id = value.pointer("/properties/product_id").map(text);
    let (event_id, user_id) = (text(event_id), text(user_id));
    Ok(Reading::Event { event_id, user_id, occurred_at, event_name, product_id })
}

fn try_read_change(payload: &[u8], table: &Table) -> Result<Reading, RejectReason> {
    let value = parse(payload)?;
    let [operation, lsn, committed_at] = required(&value, ["/op", "/lsn", "/committed_at"])?;
    let mut key = Vec::new();
    for field in table.key {
        let (after, before) = (format!("/after/{field}"), format!("/before/{field}"));
        let part =
            required(&value, [after.as_str()]).or_else(|_| required(&value, [before.as_str()]))?[0];
        key.push(text(part));
    }
    let (lsn, committed_at) = (integer(lsn)?, instant(committed_at)?);
    for (field, kind) in table.typed {
        let is_in_key = table.key.contains(field);
        let of_row = |row: &str| value.pointer(&format!("/{row}/{field}"));
        let found = [of_row("after"), of_row("before").filter(|_| is_in_key)];
        for value in found.into_iter().flatten().filter(|value| !value.is_null()) {
            match kind {
                Type::Integer => drop(integer(value)?),
                Type::Instant => drop(instant(value)?),
                Type::Boolean => {
                    text(value).parse::<bool>().map_err(|_| RejectReason::WrongType)?;
                }
            }
        }
    }
    let operation = text(operation);
    if !OPERATIONS.contains(&operation.as_str()) {
        return Err(RejectReason::UnknownOperation);
    }
    let after = value.get("after").filter(|after| !after.is_null());
    let row = after.map(|after| {
        let fields = looked_at(table.source).iter();
        fields.map(|field| after.get(field).cloned().unwrap_or(Value::Null)).collect()
    });
    let row = row.map(as_said).unwrap_or_default();
    Ok(Reading::Change { key: key.join("/"), lsn, committed_at, operation, row })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn integer(value: &Value) -> Result<i64, RejectReason> {
    text(value).parse().map_err(|_| RejectReason::WrongType)
}

fn instant(value: &Value) -> Result<MicrosUtc, RejectReason> {
    let timestamp: jiff::Timestamp = text(value).parse().map_err(|_| RejectReason::WrongType)?;
    Ok(MicrosUtc(timestamp.as_microsecond()))
}
