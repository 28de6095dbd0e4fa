//! Makes a failure small: the fewest messages, and the plainest way to go about it, with which the
//! property still does not hold.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    check::{Checked, Checker, Problem},
    error::VerifyError,
    message::Sent,
    run::RunLog,
    sound::is_sound,
    trial::{ALL_DAYS, Build, Order, Schedule, Step, Trial},
};

/// A trial that fails, and how.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The trial.
    pub trial: Trial,
    /// What does not hold.
    pub problem: Problem,
}

/// Looks for smaller trials that fail, for a while.
pub struct Shrinker<'a> {
    /// Tries them.
    pub checker: Checker<'a>,
    /// When it ends with what it has.
    pub deadline: Instant,
}

/// Longest time for which a failure is made smaller.
pub const SHRINK_TIME_MAX: Duration = Duration::from_secs(90);

impl Shrinker<'_> {
    /// The smallest trial that was found.
    pub fn shrink(&self, failing: Failing, log: &RunLog) -> Result<Failing, VerifyError> {
        let mut best = self.written_out(failing, log)?;
        loop {
            let before = best.size();
            best = self.with_fewer_messages(best)?;
            best = self.in_a_plainer_way(best)?;
            best = self.with_fewer_windows(best)?;
            if best.size() == before || self.is_over() {
                return Ok(best);
            }
        }
    }

    /// Random orders as lists of what was built: they stay as they are when messages go.
    fn written_out(&self, failing: Failing, log: &RunLog) -> Result<Failing, VerifyError> {
        let mut trial = failing.trial.clone();
        let Some(schedule) = &mut trial.variation else { return Ok(failing) };
        for (position, windows) in &log.windows {
            if let Some(Step::Build(build)) = schedule.get_mut(*position)
                && matches!(build.order, Order::Any { builds_max: None, .. })
            {
                build.order = Order::Listed { windows: windows.clone() };
            }
        }
        Ok(self.still_failing(trial)?.unwrap_or(failing))
    }

    /// Takes messages away in ever smaller groups, as long as it still fails (Zeller's `ddmin`).
    fn with_fewer_messages(&self, mut best: Failing) -> Result<Failing, VerifyError> {
        let mut group_count = 2;
        loop {
            let ids = best.trial.message_ids();
            if ids.len() < 2 || self.is_over() {
                return Ok(best);
            }
            group_count = group_count.min(ids.len());
            let size = ids.len().div_ceil(group_count);
            let mut smaller = None;
            for group in ids.chunks(size) {
                let left: BTreeSet<&str> =
                    ids.iter().map(String::as_str).filter(|id| !is_in(group, id)).collect();
                smaller = self.still_failing(best.trial.with_only(&left))?;
                if smaller.is_some() {
                    break;
                }
            }
            match smaller {
                Some(found) => {
                    best = found;
                    group_count = (group_count - 1).max(2);
                }
                None if size == 1 => return Ok(best),
                None => group_count *= 2,
            }
        }
    }

    /// Plain builds, no faults, fewer runs.
    fn in_a_plainer_way(&self, mut best: Failing) -> Result<Failing, VerifyError> {
        let mut position = 0;
        while let Some(schedule) = best.trial.variation.clone()
            && position < schedule.len()
            && !self.is_over()
        {
            let mut is_shorter = false;
            for plainer in plainer(&schedule, position) {
                is_shorter = plainer.len() < schedule.len();
                let trial = Trial { variation: Some(plainer), ..best.trial.clone() };
                if let Some(found) = self.still_failing(trial)? {
                    best = found;
                    break;
                }
                is_shorter = false;
            }
            position += usize::from(!is_shorter);
        }
        Ok(best)
    }

    /// Of windows that are built one by one, only those that matter.
    fn with_fewer_windows(&self, mut best: Failing) -> Result<Failing, VerifyError> {
        let positions = best.trial.variation.as_ref().map_or(0, Vec::len);
        for position in 0..positions {
            let mut size = listed(&best.trial, position).div_ceil(2);
            while size > 0 && !self.is_over() {
                let mut begin = 0;
                while begin < listed(&best.trial, position) && !self.is_over() {
                    let trial = without_windows(&best.trial, position, begin, size);
                    match self.still_failing(trial)? {
                        Some(found) => best = found,
                        None => begin += size,
                    }
                }
                size /= 2;
            }
        }
        Ok(best)
    }

    fn still_failing(&self, trial: Trial) -> Result<Option<Failing>, VerifyError> {
        let is_sound = is_sound(trial.property, &trial.messages, trial.limits);
        if !(is_sound && trial.is_complete()) {
            return Ok(None);
        }
        let Checked { problem, .. } = self.checker.check(&trial)?;
        Ok(problem.map(|problem| Failing { trial, problem }))
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Failing {
    /// Messages, steps and windows: fewer are easier to understand.
    fn size(&self) -> (usize, usize, usize) {
        let steps = self.trial.variation.iter().flatten();
        let windows = (0..steps.clone().count()).map(|position| listed(&self.trial, position));
        (self.trial.messages.len(), steps.count(), windows.sum())
    }

    /// The messages.
    pub fn messages(&self) -> &[Sent] {
        &self.trial.messages
    }
}

fn is_in(group: &[String], id: &str) -> bool {
    group.iter().any(|own| own == id)
}

/// Plainer schedules that differ in the step at this position.
fn plainer(schedule: &Schedule, position: usize) -> Vec<Schedule> {
    let with = |step: Step| {
        let mut plainer = schedule.clone();
        plainer[position] = step;
        plainer
    };
    let without = || {
        let mut shorter = schedule.clone();
        shorter.remove(position);
        merged(shorter)
    };
    match &schedule[position] {
        Step::Build(build) => {
            let plain = Order::Tables { window_days_max: ALL_DAYS };
            let is_last = position + 1 == schedule.len();
            let mut all = if is_last { Vec::new() } else { vec![without()] };
            if build.fault.is_some() {
                let build = Build { order: build.order.clone(), fault: None };
                all.push(with(Step::Build(build)));
            }
            if build.order != plain {
                all.push(with(Step::Build(Build { order: plain, fault: build.fault })));
            }
            all
        }
        Step::BuildAgain { seed, table_count } if *table_count > 1 => [1, table_count / 2]
            .map(|table_count| with(Step::BuildAgain { seed: *seed, table_count }))
            .into(),
        Step::Land { .. } | Step::BuildAgain { .. } | Step::Constants { .. } => vec![without()],
    }
}

/// Files that land one after the other land together.
fn merged(schedule: Schedule) -> Schedule {
    let mut merged = Schedule::new();
    for step in schedule {
        match (merged.last_mut(), step) {
            (Some(Step::Land { files }), Step::Land { files: more }) => files.extend(more),
            (_, step) => merged.push(step),
        }
    }
    merged
}

fn listed(trial: &Trial, position: usize) -> usize {
    match trial.variation.as_ref().and_then(|schedule| schedule.get(position)) {
        Some(Step::Build(Build { order: Order::Listed { windows }, .. })) => windows.len(),
        _ => 0,
    }
}

fn without_windows(trial: &Trial, position: usize, begin: usize, size: usize) -> Trial {
    let mut trial = trial.clone();
    let step = trial.variation.as_mut().and_then(|schedule| schedule.get_mut(position));
    if let Some(Step::Build(Build { order: Order::Listed { windows }, .. })) = step {
        let end = windows.len().min(begin + size);
        windows.drain(begin..end);
    }
    trial
}
