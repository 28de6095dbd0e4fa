//! An independent reader of payloads: says whether a payload is what its meaning says.

use serde_json::Value;
use sim::{EVENT_NAMES, Meaning, Message, MicrosUtc, MobileEvent, RejectReason, RowChange, Source};

const OPERATIONS: [&str; 4] = ["snapshot", "insert", "update", "delete"];

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
    },
    Reject(RejectReason),
}

pub fn check_message(source: Source, message: &Message) -> Result<(), String> {
    if message.payload.contains(&b'\n') {
        return Err("the payload holds a line feed".to_owned());
    }
    let read = match source {
        Source::MobileEvents => try_read_event(&message.payload),
        source => try_read_change(source, &message.payload),
    };
    let found = read.unwrap_or_else(Reading::Reject);
    let expected = match &message.meaning {
        Meaning::Invalid(reason) => Reading::Reject(*reason),
        Meaning::MobileEvent(event) => expected_event(event),
        Meaning::RowChange(change) => expected_change(change),
    };
    if found == expected { Ok(()) } else { Err(format!("reads as {found:?}")) }
}

fn expected_event(event: &MobileEvent) -> Reading {
    Reading::Event {
        event_id: event.event_id.clone(),
        user_id: event.user_id.clone(),
        occurred_at: event.occurred_at,
        event_name: event.event_name.to_owned(),
        product_id: event.product_id.clone(),
    }
}

fn expected_change(change: &RowChange) -> Reading {
    Reading::Change {
        key: change.key.clone(),
        lsn: change.lsn,
        committed_at: change.committed_at,
        operation: change.operation.name().to_owned(),
    }
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
    let product_id = given(&value, "/properties/product_id").map(text);
    let (event_id, user_id) = (text(event_id), text(user_id));
    Ok(Reading::Event { event_id, user_id, occurred_at, event_name, product_id })
}

/// What the type of a field asks of its text.
type Check = fn(&Value) -> Result<(), RejectReason>;

/// The parts of a row's key, and its other fields that are no texts.
fn typed_fields(source: Source) -> (&'static [&'static str], &'static [(&'static str, Check)]) {
    match source {
        Source::MobileEvents => unreachable!("events are no changes"),
        Source::DbUsers => {
            (&["user_id"], &[("signed_up_at", is_instant), ("marketing_opt_in", is_boolean)])
        }
        Source::DbProducts => {
            (&["product_id"], &[("list_price_micros", is_integer), ("is_active", is_boolean)])
        }
        Source::DbOrders => (
            &["order_id"],
            &[
                ("placed_at", is_instant),
                ("shipping_micros", is_integer),
                ("discount_micros", is_integer),
            ],
        ),
        Source::DbOrderItems => (
            &["order_id", "line_number"],
            &[("quantity", is_integer), ("unit_price_micros", is_integer)],
        ),
        Source::DbPayments => (
            &["payment_id"],
            &[
                ("amount_micros", is_integer),
                ("refunded_micros", is_integer),
                ("attempted_at", is_instant),
            ],
        ),
        Source::DbSubscriptions => (
            &["subscription_id"],
            &[("price_micros", is_integer), ("started_at", is_instant), ("ended_at", is_instant)],
        ),
    }
}

fn try_read_change(source: Source, payload: &[u8]) -> Result<Reading, RejectReason> {
    let value = parse(payload)?;
    let (key_fields, other_fields) = typed_fields(source);
    let [operation, lsn, committed_at] = required(&value, ["/op", "/lsn", "/committed_at"])?;
    let mut key = Vec::new();
    for field in key_fields {
        let after = required(&value, [&format!("/after/{field}")]);
        key.push(after.or_else(|_| required(&value, [&format!("/before/{field}")]))?[0]);
    }
    let (lsn, committed_at) = (integer(lsn)?, instant(committed_at)?);
    let line_numbers = ["/before/line_number", "/after/line_number"];
    for line_number in line_numbers.iter().filter_map(|pointer| given(&value, pointer)) {
        is_integer(line_number)?;
    }
    for (field, check) in other_fields {
        given(&value, &format!("/after/{field}")).map_or(Ok(()), check)?;
    }
    let operation = text(operation);
    if !OPERATIONS.contains(&operation.as_str()) {
        return Err(RejectReason::UnknownOperation);
    }
    let key = key.into_iter().map(text).collect::<Vec<_>>().join("/");
    Ok(Reading::Change { key, lsn, committed_at, operation })
}

/// The field, unless it is null or missing.
fn given<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer).filter(|field| !field.is_null())
}

fn is_integer(value: &Value) -> Result<(), RejectReason> {
    integer(value).map(|_| ())
}

fn is_instant(value: &Value) -> Result<(), RejectReason> {
    instant(value).map(|_| ())
}

fn is_boolean(value: &Value) -> Result<(), RejectReason> {
    text(value).parse::<bool>().map(|_| ()).map_err(|_| RejectReason::WrongType)
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
