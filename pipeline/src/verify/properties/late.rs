//! One event comes later, but in time.

use sim::MicrosUtc;

use super::super::{
    dice::Dice,
    message::{Sent, Side, id_between},
    property::{Draw, Property},
    sound::is_sound,
    trial::{ALL_DAYS, Order, Schedule, Step},
};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// By so many days at most.
const DELAY_DAYS_MAX: usize = 3;

/// The others come and are built, then the one.
pub fn vary(draw: &Draw, dice: &mut Dice) -> Option<(Vec<Sent>, Schedule)> {
    let last_date = draw.messages.iter().map(Sent::load_date).max()?;
    // Any message may do, and often few can: all are looked at, beginning anywhere.
    let begin = dice.below(draw.messages.len());
    let days = 1 + i64::try_from(dice.below(DELAY_DAYS_MAX)).ok()?;
    let places = (0..draw.messages.len()).map(|step| (begin + step) % draw.messages.len());
    for place in places {
        let late = delayed(&draw.messages, place, days);
        if late.load_date() > last_date {
            continue;
        }
        let mut messages = draw.messages.clone();
        messages[place].side = Side::Reference;
        let others = messages.iter().filter(|sent| sent.side == Side::Both);
        let order = match dice.below(2) {
            0 => Order::Any { seed: dice.bits(), builds_max: None },
            _ => Order::Tables { window_days_max: *dice.pick(&[1, ALL_DAYS]) },
        };
        let schedule = vec![
            Step::land(others),
            Step::build(ALL_DAYS),
            Step::land([&late]),
            Step::build_in(order),
        ];
        messages.push(late);
        if is_sound(Property::Late, &messages, draw.limits) {
            return Some((messages, schedule));
        }
    }
    None
}

/// The message so many days later, by the same clock.
fn delayed(messages: &[Sent], place: usize, days: i64) -> Sent {
    let sent = &messages[place];
    let micros = days * MICROS_PER_DAY;
    let arrived_at = MicrosUtc(sent.arrived_at.0 + micros);
    Sent {
        message_id: id_between(messages, arrived_at),
        arrived_at,
        sent_at: MicrosUtc(sent.sent_at.0 + micros),
        side: Side::Variation,
        ..sent.clone()
    }
}
