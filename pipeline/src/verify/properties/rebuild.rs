//! Days come one after the other, each run brings some of them and builds.

use super::super::{
    dice::Dice,
    message::Sent,
    property::Draw,
    trial::{ALL_DAYS, Build, Fault, FaultKind, Order, Schedule, Step},
};

/// More runs say no more.
const RUNS_MAX: usize = 4;

/// Messages land in the order of their load dates, in some runs.
pub fn schedule(draw: &Draw, dice: &mut Dice) -> Schedule {
    let mut dates: Vec<_> = draw.messages.iter().map(Sent::load_date).collect();
    dates.dedup();
    let run_count = dates.len().min(2 + dice.below(RUNS_MAX - 1));
    let mut ends: Vec<usize> = (1..dates.len()).collect();
    dice.shuffle(&mut ends);
    ends.truncate(run_count.saturating_sub(1));
    ends.push(dates.len());
    ends.sort_unstable();
    let mut schedule = Schedule::new();
    let mut begin = 0;
    for (run, end) in ends.iter().enumerate() {
        let days = &dates[begin..*end];
        begin = *end;
        let landing = draw.messages.iter().filter(|sent| days.contains(&sent.load_date()));
        schedule.push(Step::land_cut(landing, dice));
        let is_last = run + 1 == ends.len();
        schedule.push(Step::Build(any_build(draw, dice, !is_last)));
    }
    schedule
}

/// A build in any order, perhaps cut short where another comes after it.
pub fn any_build(draw: &Draw, dice: &mut Dice, may_be_cut: bool) -> Build {
    let is_cut = may_be_cut && dice.percent(30);
    let window_days_max = *dice.pick(&[1, 2, 3, ALL_DAYS, ALL_DAYS]);
    let order = match dice.below(4) {
        0 => {
            let builds_max = is_cut.then(|| 1 + dice.below(draw.table_count));
            return Build { order: Order::Any { seed: dice.bits(), builds_max }, fault: None };
        }
        1 => Order::Dates { dates: some_dates(draw, dice), window_days_max },
        _ => Order::Tables { window_days_max },
    };
    let fault =
        is_cut.then(|| Fault { kind: FaultKind::Kill, after_statements: statement(draw, dice) });
    Build { order, fault }
}

/// A statement of about those that a build has.
pub fn statement(draw: &Draw, dice: &mut Dice) -> usize {
    const STATEMENTS_PER_TABLE: usize = 12;
    1 + dice.below(draw.table_count * STATEMENTS_PER_TABLE)
}

/// A few of the days around the load dates, at times in order.
fn some_dates(draw: &Draw, dice: &mut Dice) -> Vec<jiff::civil::Date> {
    const DATES_MAX: usize = 3;
    let mut dates: Vec<_> = draw.messages.iter().map(Sent::load_date).collect();
    dates.extend(draw.messages.iter().filter_map(Sent::happened_at).map(sim::MicrosUtc::date));
    dates.sort_unstable();
    dates.dedup();
    dice.shuffle(&mut dates);
    dates.truncate(DATES_MAX);
    if dice.percent(50) {
        dates.sort_unstable();
    }
    dates
}
