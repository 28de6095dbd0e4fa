//! An independent reader of payloads: says whether a payload is what its meaning says.

use serde_json::Value;
use sim::{EVENT_NAMES, Meaning, Message, MicrosUtc, MobileEvent, RejectReason, RowChange};

const OPERATIONS: [&str; 4] = ["snapshot", "insert", "update", "delete"];

/// What a pipeline would find in the payload, or why it would reject it.
#[derive(Debug, PartialEq)]
enum Reading {
    Event { event_id: String, user_id: String, occurred_at: MicrosUtc, event_name: String },
    Change { user_id: String, lsn: i64, committed_at: MicrosUtc, operation: String },
    Reject(RejectReason),
}

pub fn check_message(message: &Message) -> Result<(), String> {
    if message.payload.contains(&b'\n') {
        return Err("the payload holds a line feed".to_owned());
    }
    let is_change = matches!(&message.meaning, Meaning::RowChange(_));
    let read = [read_event(&message.payload), read_change(&message.payload)];
    let expected = match &message.meaning {
        Meaning::Invalid(reason) => {
            // A payload does not say of which source it is; it must be broken as one of them.
            let expected = Reading::Reject(*reason);
            return if read.contains(&expected) {
                Ok(())
            } else {
                Err(format!("reads as {read:?}"))
            };
        }
        Meaning::MobileEvent(event) => expected_event(event),
        Meaning::RowChange(change) => expected_change(change),
    };
    let found = &read[usize::from(is_change)];
    if *found == expected { Ok(()) } else { Err(format!("reads as {found:?}")) }
}

fn expected_event(event: &MobileEvent) -> Reading {
    Reading::Event {
        event_id: event.event_id.clone(),
        user_id: event.user_id.clone(),
        occurred_at: event.occurred_at,
        event_name: event.event_name.to_owned(),
    }
}

fn expected_change(change: &RowChange) -> Reading {
    Reading::Change {
        user_id: change.key.clone(),
        lsn: change.lsn,
        committed_at: change.committed_at,
        operation: change.operation.name().to_owned(),
    }
}

fn read_event(payload: &[u8]) -> Reading {
    try_read_event(payload).unwrap_or_else(Reading::Reject)
}

fn read_change(payload: &[u8]) -> Reading {
    try_read_change(payload).unwrap_or_else(Reading::Reject)
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
    Ok(Reading::Event { event_id: text(event_id), user_id: text(user_id), occurred_at, event_name })
}

fn try_read_change(payload: &[u8]) -> Result<Reading, RejectReason> {
    let value = parse(payload)?;
    let [operation, lsn, committed_at] = required(&value, ["/op", "/lsn", "/committed_at"])?;
    let user_id =
        required(&value, ["/after/user_id"]).or_else(|_| required(&value, ["/before/user_id"]))?[0];
    let (lsn, committed_at) = (integer(lsn)?, instant(committed_at)?);
    value.pointer("/after/signed_up_at").map_or(Ok(MicrosUtc(0)), instant)?;
    let opt_in = value.pointer("/after/marketing_opt_in").unwrap_or(&Value::Bool(false));
    text(opt_in).parse::<bool>().map_err(|_| RejectReason::WrongType)?;
    let operation = text(operation);
    if !OPERATIONS.contains(&operation.as_str()) {
        return Err(RejectReason::UnknownOperation);
    }
    Ok(Reading::Change { user_id: text(user_id), lsn, committed_at, operation })
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
