//! An event that comes later, but in time: the business layers are the same.

use jiff::ToSpan;
use sim::{Meaning, MicrosUtc};

use super::{
    Outcome, check_all,
    checks::check_settled,
    dice::Dice,
    lake::Lake,
    messages::{Sent, publish, random_messages},
    oracle::{BusinessKeys, readings},
    runs::{Mode, run_as},
    tables::check_rows,
    variant::Variant,
};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What analysts see; when a message was loaded is not in it.
const BUSINESS: [&str; 15] = [
    "dimensional.dim_user",
    "dimensional.dim_product",
    "dimensional.dim_subscription",
    "dimensional.dim_device",
    "dimensional.dim_functionality",
    "dimensional.dim_country",
    "dimensional.dim_app_version",
    "dimensional.fact_session",
    "dimensional.fact_user_day",
    "dimensional.fact_order_line",
    "dimensional.fact_payment",
    "mart.daily_active_users",
    "mart.active_users_by_plan",
    "mart.retention_cohorts",
    "mart.funnel_by_functionality",
];
const FACT_EVENT: &str = "select * exclude (load_date) from dimensional.fact_event";

/// Moves one event to a later load date that is still in time; `None` if none can be moved.
fn delayed(dice: &mut Dice, messages: &[Sent], max_lateness_days: i64) -> Option<(usize, Sent)> {
    let index = dice.below(messages.len());
    let sent = &messages[index];
    let Meaning::MobileEvent(said) = &sent.message.meaning else { return None };
    let same_id = |other: &&Sent| matches!(&other.message.meaning, Meaning::MobileEvent(o) if o.event_id == said.event_id);
    let event_at = MicrosUtc(said.occurred_at.0 + sent.arrived_at.0 - sent.sent_at.0);
    let (first, last) = (messages.first()?.load_date(), messages.last()?.load_date());
    let is_only = messages.iter().filter(same_id).count() == 1;
    let is_edge = |date| messages.iter().filter(|other| other.load_date() == date).count() == 1;
    let days = 1 + i64::try_from(dice.below(3)).ok()?;
    let to = sent.load_date() + days.days();
    let is_in_time =
        event_at.date() + max_lateness_days.days() >= to && event_at.date() <= sent.load_date();
    if !is_only || !is_in_time || to > last || (sent.load_date() == first && is_edge(first)) {
        return None;
    }
    let micros = days * MICROS_PER_DAY;
    let mut late = sent.clone();
    late.arrived_at = MicrosUtc(sent.arrived_at.0 + micros);
    late.sent_at = MicrosUtc(sent.sent_at.0 + micros);
    let place = messages.iter().filter(|other| other.arrived_at <= late.arrived_at).count();
    late.message_id = format!("{:06}", 2 * place - 1);
    Some((index, late))
}

fn check(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed, "late");
    let limits = sim::Limits { max_lateness_days: 3, max_skew_days: 1 };
    let messages = random_messages(&mut dice, seed, limits, 40);
    let Some((index, late)) = (0..50).find_map(|_| delayed(&mut dice, &messages, 3)) else {
        return Ok(());
    };
    let variant = Variant::of(limits);
    let in_time = Lake::with(&variant, &messages, &mut dice);
    in_time.build_all()?;
    let mut others = messages.clone();
    others.remove(index);
    let lake = Lake::with(&variant, &others, &mut dice);
    lake.build_all()?;
    publish(&lake.store, std::slice::from_ref(&late), &mut dice);
    run_as(&lake, Mode::Random, false, &mut dice)?;
    let (keys, keys_in_time) = (BusinessKeys::of(&lake), BusinessKeys::of(&in_time));
    for reading in readings().iter().filter(|reading| BUSINESS.contains(&reading.name.as_str())) {
        let wanted = reading.rows(&in_time, &keys_in_time);
        check_rows(&reading.name, &reading.rows(&lake, &keys), &wanted)?;
    }
    check_rows("fact_event", &lake.rows(FACT_EVENT), &in_time.rows(FACT_EVENT))?;
    others.push(late);
    check_settled(&lake, &others)
}

#[test]
fn a_late_event_counts_on_the_day_it_happened() {
    check_all("late::a_late_event_counts_on_the_day_it_happened", 8, check);
}
