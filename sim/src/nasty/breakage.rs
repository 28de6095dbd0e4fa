//! Payloads that are broken, each with the reason for which it must be rejected.

use crate::arrival::{RejectReason, Source};
use crate::json::Defect;
use crate::phone::{spoil, truncate};
use crate::random::Random;

/// The bytes of a message, and the reason if they were broken.
pub(super) struct Written {
    pub(super) payload: Vec<u8>,
    pub(super) reason: Option<RejectReason>,
}

/// Writes a message, one of seven broken.
///
/// Without its key (`is_keyless`) it is broken anyway: that comes before whatever else is wrong
/// with what could be read.
pub(super) fn written(
    random: Random,
    source: Source,
    is_keyless: bool,
    defects: impl Fn(RejectReason, Random) -> Vec<Defect>,
    write: impl Fn(&mut Vec<u8>, &[Defect]),
) -> Written {
    let defect = random.stream("defect");
    let unknown = match source {
        Source::MobileEvents => RejectReason::UnknownEvent,
        _ => RejectReason::UnknownOperation,
    };
    let reason = match random.stream("kind").below(35) {
        0 => Some(RejectReason::NotUtf8),
        1 => Some(RejectReason::NotJson),
        2 => Some(RejectReason::MissingKey),
        3 => Some(RejectReason::WrongType),
        4 => Some(unknown),
        _ => None,
    };
    let mut payload = Vec::new();
    match reason {
        None => write(&mut payload, &[]),
        Some(RejectReason::NotUtf8) => {
            write(&mut payload, &[]);
            break_encoding(&mut payload, defect);
        }
        Some(RejectReason::NotJson) => {
            write(&mut payload, &[]);
            break_json(&mut payload, defect);
        }
        Some(reason) => write(&mut payload, &defects(reason, defect)),
    }
    let is_read = !matches!(reason, Some(RejectReason::NotUtf8 | RejectReason::NotJson));
    let reason = if is_keyless && is_read { Some(RejectReason::MissingKey) } else { reason };
    Written { payload, reason }
}

/// Not UTF-8, and sometimes not JSON either: the encoding is the reason.
fn break_encoding(payload: &mut Vec<u8>, random: Random) {
    match random.at(0).below(3) {
        0 => *payload = vec![0xFF],
        1 => {
            truncate(payload, 0, random.at(1));
            spoil(payload, random.at(2));
        }
        _ => spoil(payload, random.at(1)),
    }
}

fn break_json(payload: &mut Vec<u8>, random: Random) {
    match random.at(0).below(4) {
        0 => payload.clear(),
        1 => *payload = b"not json".to_vec(),
        2 => payload.push(b'}'),
        // All but the last byte, so that no character is cut in two.
        _ => payload.truncate(payload.len() - 1),
    }
}

/// What makes an event invalid for this reason. A missing key comes first, whatever else is wrong;
/// an empty text is no key.
pub(super) fn event_defects(reason: RejectReason, random: Random) -> Vec<Defect> {
    const MISSING: [&[Defect]; 9] = [
        &[Defect::Instead("event_name", "\"\"")],
        &[Defect::Instead("sequence", "\"\"")],
        &[Defect::Instead("occurred_at", "\"\""), Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Missing("event_id")],
        &[Defect::Null("user_id")],
        &[Defect::Missing("sequence"), Defect::Instead("event_name", "\"screen_blinked\"")],
        &[Defect::Missing("occurred_at"), Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Missing("event_name")],
        &[Defect::Null("event_id"), Defect::Instead("quantity", "\"two\"")],
    ];
    const WRONG: [&[Defect]; 6] = [
        &[Defect::Instead("sequence", "\"seven\"")],
        &[Defect::Instead("sequence", "1.5")],
        &[Defect::Instead("occurred_at", "\"yesterday\"")],
        &[Defect::Instead("quantity", "\"two\"")],
        &[Defect::Instead("amount_micros", "true")],
        &[Defect::Instead("duration_ms", "\"\""), Defect::Instead("event_name", "\"blink\"")],
    ];
    const UNKNOWN: [&[Defect]; 3] = [
        &[Defect::Instead("event_name", "\"screen_blinked\"")],
        &[Defect::Instead("event_name", "\" \"")],
        &[Defect::Instead("event_name", "\"App_Opened\"")],
    ];
    let case = match reason {
        RejectReason::MissingKey => random.pick(&MISSING),
        RejectReason::WrongType => random.pick(&WRONG),
        _ => random.pick(&UNKNOWN),
    };
    case.to_vec()
}

/// What makes a change invalid for this reason, of a row with this key and these fields that are no
/// texts.
pub(super) fn change_defects(
    reason: RejectReason,
    random: Random,
    key: &[&'static str],
    typed: &[&'static str],
) -> Vec<Defect> {
    let unknown = *random.at(0).pick(&["\"truncate\"", "\" \"", "\"INSERT\""]);
    let unknown = Defect::Instead("op", unknown);
    let mut defects = match reason {
        RejectReason::MissingKey => vec![missing(random.at(1), key)],
        RejectReason::WrongType => vec![wrong(random.at(1), typed)],
        _ => return vec![unknown],
    };
    // What would be a reason of its own, were there not one before it. Of two defects of one field
    // the first is written.
    if random.at(2).chance(300_000) {
        defects.push(unknown);
    }
    if reason == RejectReason::MissingKey && random.at(3).chance(300_000) {
        defects.push(Defect::Instead("committed_at", "\"yesterday\""));
    }
    defects
}

/// A part of the key, or of what every change must have, is not there.
fn missing(random: Random, key: &[&'static str]) -> Defect {
    let head = ["op", "lsn", "committed_at"];
    // Half of the time it is the key itself.
    let field = *random.at(1).pick(if random.at(0).chance(500_000) { &head } else { key });
    let defects = [Defect::Missing(field), Defect::Null(field), Defect::Instead(field, "\"\"")];
    *random.at(2).pick(&defects)
}

/// A text that is of none of the types but STRING. In a required field, an empty one would be a
/// missing one.
fn wrong(random: Random, typed: &[&'static str]) -> Defect {
    const REQUIRED: [&str; 3] = ["lsn", "committed_at", "line_number"];
    let field = *random.at(0).pick(&[&REQUIRED[..2], typed].concat());
    let texts = ["\"x\"", "1.5", "\"\""];
    let count = if REQUIRED.contains(&field) { 2 } else { 3 };
    let text: &'static str = random.at(1).pick::<&'static str>(&texts[..count]);
    Defect::Instead(field, text)
}
