//! Whether the two sides of a trial may be compared: what was done to the messages must not change
//! what becomes of the others.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sim::Limits;

use super::{
    compare::by_id,
    message::{Sent, Side},
    property::Property,
    verdict::{Verdict, verdicts},
};

/// Whether the property promises anything of these messages. Messages are taken away to find the
/// fewest, and with them this may go.
pub fn is_sound(property: Property, messages: &[Sent], limits: Limits) -> bool {
    let [reference, variation] = [Side::Reference, Side::Variation].map(|side| {
        by_id(messages.iter().filter(|sent| sent.side == Side::Both || sent.side == side))
    });
    // The calendar, and marts with it, end with the last load date.
    if reference.is_empty() || load_dates(&reference) != load_dates(&variation) {
        return false;
    }
    if messages.iter().all(|sent| sent.side == Side::Both) {
        return true;
    }
    let before = verdicts(reference.values().copied(), limits);
    let after = verdicts(variation.values().copied(), limits);
    let of_side = |side: Side| messages.iter().filter(move |sent| sent.side == side);
    let id = |sent: &Sent| sent.message_id.clone();
    let is_untouched =
        |sent: &Sent| before.get(sent.message_id.as_str()) == after.get(sent.message_id.as_str());
    let is_accepted = |found: &BTreeMap<&str, Verdict>, sent: &Sent| {
        found.get(id(sent).as_str()) == Some(&Verdict::Accepted)
    };
    let is_right = match property {
        // One is moved, and it counts before and after.
        Property::Late => {
            of_side(Side::Reference).count() == 1
                && of_side(Side::Variation).count() == 1
                && of_side(Side::Reference).all(|sent| is_accepted(&before, sent))
                && of_side(Side::Variation).all(|sent| is_accepted(&after, sent))
        }
        Property::Copies => of_side(Side::Variation).all(|sent| {
            let is_duplicate =
                matches!(after.get(sent.message_id.as_str()), Some(Verdict::Duplicate { .. }));
            is_duplicate && of_side(Side::Both).any(|valid| says_the_same(sent, valid, &before))
        }),
        _ => reference.keys().eq(variation.keys()),
    };
    is_right && of_side(Side::Both).all(is_untouched)
}

/// Whether a valid message said all that before.
fn says_the_same(sent: &Sent, earlier: &Sent, verdicts: &BTreeMap<&str, Verdict>) -> bool {
    let verdict = verdicts.get(earlier.message_id.as_str());
    let is_valid = verdict.is_some_and(|verdict| !matches!(verdict, Verdict::Rejected(_)));
    is_valid && (sent.source, &sent.payload) == (earlier.source, &earlier.payload)
}

fn load_dates(messages: &BTreeMap<&str, &Sent>) -> Option<(Date, Date)> {
    let dates = || messages.values().map(|sent| sent.load_date());
    Some((dates().min()?, dates().max()?))
}
