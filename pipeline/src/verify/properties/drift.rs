//! Payloads say something that no contract knows.

use sim::Meaning;

use super::super::{
    dice::Dice,
    message::{Sent, Side},
    property::Draw,
    trial::{ALL_DAYS, Schedule, Step},
};

/// What new fields look like.
const FIELDS: [&str; 3] = [
    r#"{"experiment":"b","#,
    r#"{"nested":{"user_id":"somebody","list":[1,null,{}]},"#,
    r#"{"battery_percent":81.5,"#,
];

/// Most of the valid messages get a field.
pub fn vary(draw: &Draw, dice: &mut Dice) -> Option<(Vec<Sent>, Schedule)> {
    let mut messages = Vec::new();
    for sent in &draw.messages {
        let is_valid = !matches!(sent.meaning, Meaning::Invalid(_));
        if is_valid && sent.payload.starts_with(b"{") && dice.percent(70) {
            let payload = [dice.pick(&FIELDS).as_bytes(), &sent.payload[1..]].concat();
            messages.push(Sent { side: Side::Reference, ..sent.clone() });
            messages.push(Sent { side: Side::Variation, payload, ..sent.clone() });
        } else {
            messages.push(sent.clone());
        }
    }
    let schedule = vec![Step::land(&draw.messages), Step::build(*dice.pick(&[1, ALL_DAYS]))];
    messages.iter().any(|sent| sent.side == Side::Variation).then_some((messages, schedule))
}
