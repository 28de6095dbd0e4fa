//! What says nothing new: a message delivered again, and an event that a phone sends again.

use sim::{Meaning, MicrosUtc};

use super::super::{
    dice::Dice,
    message::{Sent, Side, id_between},
    property::{Draw, Property},
    sound::is_sound,
    trial::{ALL_DAYS, Schedule, Step},
};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// How often a message is looked for that can be sent again.
const ATTEMPTS_MAX: usize = 20;

/// In half of the cases some messages are delivered again, in the other half one is sent again.
pub fn vary(draw: &Draw, dice: &mut Dice) -> (Vec<Sent>, Schedule) {
    let mut schedule = draw.reference();
    let again = if dice.percent(50) {
        (0..ATTEMPTS_MAX).find_map(|_| sent_again(draw, dice))
    } else {
        None
    };
    let mut messages = draw.messages.clone();
    if let Some(again) = again {
        schedule.push(Step::land([&again]));
        messages.push(again);
    } else {
        let some = draw.messages.iter().filter(|_| dice.percent(50));
        let delivered: Vec<&Sent> = some.collect();
        schedule.push(Step::land_cut(delivered, dice));
    }
    schedule.push(Step::build(*dice.pick(&[1, ALL_DAYS])));
    (messages, schedule)
}

/// A message that says again what another said, in time to be known for a duplicate.
fn sent_again(draw: &Draw, dice: &mut Dice) -> Option<Sent> {
    let original = dice.pick(&draw.messages);
    original.identity()?;
    let last = draw.messages.iter().rev().find(|sent| sent.identity() == original.identity())?;
    let lookback_days = match last.meaning {
        Meaning::MobileEvent(_) => draw.limits.max_lateness_days + draw.limits.max_skew_days,
        _ => 1,
    };
    let span = usize::try_from(i64::from(lookback_days.max(1)) * MICROS_PER_DAY).ok()?;
    let arrived_at = MicrosUtc(last.arrived_at.0 + 1 + i64::try_from(dice.below(span)).ok()?);
    let again = Sent {
        message_id: id_between(&draw.messages, arrived_at),
        arrived_at,
        sent_at: MicrosUtc(arrived_at.0 + last.sent_at.0 - last.arrived_at.0),
        side: Side::Variation,
        ..last.clone()
    };
    let messages = [draw.messages.as_slice(), std::slice::from_ref(&again)].concat();
    is_sound(Property::Copies, &messages, draw.limits).then_some(again)
}

#[cfg(test)]
mod tests {
    use sim::Source;

    use super::{
        super::super::verdict::{Verdict, verdicts},
        *,
    };

    /// An event that was ahead of its time when it came first is new when it comes again.
    #[test]
    fn what_is_sent_again_was_said_by_a_valid_message() {
        let mut sent_again_count = 0;
        for seed in 0..400 {
            let draw = Draw::new(seed, &Source::ALL, 40, 1);
            let Some(trial) = Property::Copies.trial(&draw) else { continue };
            let verdicts = verdicts(&draw.messages, draw.limits);
            for again in trial.messages.iter().filter(|sent| sent.side == Side::Variation) {
                sent_again_count += 1;
                let is_said = draw.messages.iter().any(|sent| {
                    let verdict = &verdicts[sent.message_id.as_str()];
                    sent.payload == again.payload && !matches!(verdict, Verdict::Rejected(_))
                });
                assert!(is_said, "set {seed}: {again:?}");
            }
        }
        assert!(sent_again_count > 50, "{sent_again_count}");
    }
}
