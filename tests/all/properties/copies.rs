//! Copies, other files and new fields: what says nothing new changes nothing.

use std::sync::Arc;

use jiff::ToSpan;
use sim::{Meaning, MicrosUtc};

use super::{
    Outcome, check_all,
    checks::{check_meaning, check_settled},
    dice::Dice,
    lake::Lake,
    messages::{Sent, publish, random_messages},
    runs::{Mode, run_as},
    tables::{check_rows, check_same, fingerprints},
    variant::{Variant, random_limits},
};

const MICROS_PER_DAY: i64 = 86_400_000_000;

fn random_lake(seed: u64, purpose: &str) -> (Dice, Arc<Variant>, Vec<Sent>) {
    let mut dice = Dice::new(seed, purpose);
    let limits = random_limits(&mut dice);
    let messages = random_messages(&mut dice, seed, limits, 30);
    (dice, Variant::of(limits), messages)
}

fn check_redelivered(seed: u64) -> Outcome {
    let (mut dice, variant, messages) = random_lake(seed, "redelivered");
    let lake = Lake::with(&variant, &messages, &mut dice);
    lake.build_all()?;
    let before = fingerprints(lake.warehouse.as_ref(), &variant.graph);
    let again: Vec<Sent> = messages.iter().filter(|_| dice.percent(50)).cloned().collect();
    publish(&lake.store, &again, &mut dice);
    run_as(&lake, Mode::Random, false, &mut dice)?;
    check_rows("all tables", &fingerprints(lake.warehouse.as_ref(), &variant.graph), &before)?;
    check_settled(&lake, &messages)
}

#[test]
fn a_message_delivered_again_changes_nothing() {
    check_all("copies::a_message_delivered_again_changes_nothing", 6, check_redelivered);
}

/// An event that the phone sends once more, as a new message.
fn sent_again(dice: &mut Dice, messages: &[Sent], lookback_days: i64) -> Option<Sent> {
    let original = dice.pick(messages);
    let Meaning::MobileEvent(said) = &original.message.meaning else { return None };
    let last = messages.iter().rev().find(
        |sent| matches!(&sent.message.meaning, Meaning::MobileEvent(other) if other.event_id == said.event_id),
    )?;
    // Later than all others with its id, and within the lookback of the last of them.
    let micros = 1 + dice.below(usize::try_from(lookback_days * MICROS_PER_DAY + 1).ok()?);
    let arrived_at = MicrosUtc(last.arrived_at.0 + i64::try_from(micros).ok()?);
    let is_valid = |sent: &Sent| sent.arrived_at.date() + lookback_days.days() >= arrived_at.date();
    if !is_valid(last) {
        return None;
    }
    let clock_error = original.sent_at.0 - original.arrived_at.0;
    let index = messages.iter().filter(|sent| sent.arrived_at <= arrived_at).count();
    Some(Sent {
        message_id: format!("{:06}", 2 * index + 1),
        arrived_at,
        sent_at: MicrosUtc(arrived_at.0 + clock_error),
        ..last.clone()
    })
}

fn check_sent_again(seed: u64) -> Outcome {
    let (mut dice, variant, mut messages) = random_lake(seed, "sent again");
    let limits = variant.limits;
    let lookback_days = i64::from(limits.max_lateness_days + limits.max_skew_days);
    let found = (0..20).find_map(|_| sent_again(&mut dice, &messages, lookback_days));
    let Some(again) = found else { return Ok(()) };
    let lake = Lake::with(&variant, &messages, &mut dice);
    lake.build_all()?;
    // Those whose copies were all refused have no accepted row yet.
    let sql = "select * from standardized.mobile_events where load_date <= date '9999-01-01'";
    let before = lake.rows(sql);
    let valid = lake.rows(&format!(
        "select 1 from standardized.mobile_events_checked where reject_reason is null \
         and event_id = (select event_id from standardized.mobile_events_checked where message_id = '{}') \
         and load_date >= date '{}'",
        messages.iter().find(|sent| sent.message.payload == again.message.payload).ok_or("gone")?.message_id,
        again.load_date() - lookback_days.days(),
    ));
    publish(&lake.store, std::slice::from_ref(&again), &mut dice);
    lake.build_all()?;
    if !valid.is_empty() {
        check_rows("accepted events", &lake.rows(sql), &before)?;
    }
    messages.push(again);
    check_settled(&lake, &messages)
}

#[test]
fn an_event_sent_again_leaves_accepted_rows_as_they_are() {
    check_all("copies::an_event_sent_again_leaves_accepted_rows_as_they_are", 6, check_sent_again);
}

fn check_drift(seed: u64) -> Outcome {
    let (mut dice, variant, messages) = random_lake(seed, "drift");
    let plain = Lake::with(&variant, &messages, &mut dice);
    plain.build_all()?;
    let mut drifted = messages.clone();
    for sent in &mut drifted {
        let is_valid = !matches!(sent.message.meaning, Meaning::Invalid(_));
        if is_valid && dice.percent(70) {
            let field = dice.pick(&[
                r#"{"experiment":"b","#,
                r#"{"nested":{"user_id":"somebody","list":[1,null,{}]},"#,
                r#"{"battery_percent":81.5,"#,
            ]);
            sent.message.payload = [field.as_bytes(), &sent.message.payload[1..]].concat();
        }
    }
    let lake = Lake::with(&variant, &drifted, &mut dice);
    run_as(&lake, Mode::Random, false, &mut dice)?;
    check_same("new fields changed a table", &lake, &plain)
}

#[test]
fn new_fields_change_nothing() {
    check_all("copies::new_fields_change_nothing", 6, check_drift);
}

fn check_files(seed: u64) -> Outcome {
    let (mut dice, variant, mut messages) = random_lake(seed, "files");
    let one = Lake::with(&variant, &messages, &mut dice);
    one.build_all()?;
    dice.shuffle(&mut messages);
    let other = Lake::with(&variant, &messages, &mut dice);
    run_as(&other, Mode::Random, false, &mut dice)?;
    check_same("another cutting changed a table", &other, &one)?;
    check_meaning(&other, &messages)
}

#[test]
fn files_and_their_order_change_nothing() {
    check_all("copies::files_and_their_order_change_nothing", 6, check_files);
}
