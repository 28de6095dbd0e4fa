//! A trial: messages, and two ways to bring them in and build from them that must not matter.
//!
//! It is all that a case did, written out, so that messages and steps can be taken away, and so that
//! a file can repeat it.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sim::{Limits, Source};

use super::{
    dice::Dice,
    message::{Sent, Side},
    property::Property,
};
use crate::contract::TableName;

/// The longest window: everything in one statement.
pub const ALL_DAYS: usize = 1000;

/// A property, tried on one set of messages.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What must hold.
    pub property: Property,
    /// The case's number.
    pub seed: u64,
    /// The constants that hold in the end.
    pub limits: Limits,
    /// The messages of both runs.
    pub messages: Vec<Sent>,
    /// Everything at once, from nothing.
    pub reference: Schedule,
    /// Another way. Without one it is the reference that must be right.
    pub variation: Option<Schedule>,
}

/// What is done, one step after the other.
pub type Schedule = Vec<Step>;

/// A step of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Files come into the raw layer.
    Land {
        /// In this order.
        files: Vec<RawFile>,
    },
    /// The constants of the sources become these.
    Constants {
        /// `max_lateness_days`
        max_lateness_days: i32,
        /// `max_skew_days`
        max_skew_days: i32,
    },
    /// What is stale is built.
    Build(Build),
    /// Partitions that are not stale are built again.
    BuildAgain {
        /// Decides which, and in which windows.
        seed: u64,
        /// So many times some of a table's partitions.
        table_count: usize,
    },
}

/// A file of the raw layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFile {
    /// The source.
    pub source: Source,
    /// The load date.
    pub load_date: Date,
    /// The ids of its messages.
    pub messages: Vec<String>,
}

/// One run of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// In which order.
    #[serde(flatten)]
    pub order: Order,
    /// How it is cut short; the next build goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// In which order partitions are built, and in which windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// As `lakebed build` does: table by table.
    Tables {
        /// Longest window of one statement.
        window_days_max: usize,
    },
    /// First these dates alone, one after the other; then as `lakebed build` does.
    Dates {
        /// Perhaps not in order.
        dates: Vec<Date>,
        /// Longest window of what is left.
        window_days_max: usize,
    },
    /// Any stale partition that the graph allows, in any window.
    Any {
        /// Decides which.
        seed: u64,
        /// It ends after so many builds; `None`: when nothing is stale.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        builds_max: Option<usize>,
    },
    /// Exactly these windows, as far as they can be built; then as `lakebed build` does.
    Listed {
        /// One after the other.
        windows: Vec<ListedWindow>,
    },
}

/// A window that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedWindow {
    /// The table.
    pub table: TableName,
    /// Its partitions; one that is `null` is all of the table.
    pub partitions: Vec<Option<Date>>,
}

/// How a build is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// After so many statements.
    pub after_statements: usize,
}

/// What happens at the chosen statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The process dies: nothing is executed any more, not even a rollback.
    Kill,
    /// That one statement fails, for good.
    FailOnce,
    /// That one statement fails, and may be tried again.
    ConflictOnce,
}

impl Trial {
    /// The messages of one of the two runs.
    pub fn messages_of(&self, side: Side) -> impl Iterator<Item = &Sent> {
        let is_in = move |sent: &&Sent| sent.side == Side::Both || sent.side == side;
        self.messages.iter().filter(is_in)
    }

    /// The ids of its messages, in order.
    pub fn message_ids(&self) -> Vec<String> {
        let ids: BTreeSet<&str> = self.messages.iter().map(|m| m.message_id.as_str()).collect();
        ids.into_iter().map(str::to_owned).collect()
    }

    /// Whether the varied run brings in every message, ends with the constants of the trial, and
    /// builds to the end. Steps are taken away to find the plainest way, and with them this may go.
    pub fn is_complete(&self) -> bool {
        let Some(schedule) = &self.variation else { return true };
        let landed: BTreeSet<&str> = schedule
            .iter()
            .filter_map(|step| if let Step::Land { files } = step { Some(files) } else { None })
            .flatten()
            .flat_map(|file| file.messages.iter().map(String::as_str))
            .collect();
        let last_constants = schedule.iter().rev().find_map(|step| match step {
            Step::Constants { max_lateness_days, max_skew_days } => Some(Limits {
                max_lateness_days: *max_lateness_days,
                max_skew_days: *max_skew_days,
            }),
            _ => None,
        });
        let is_to_the_end = |step: &Step| match step {
            Step::Build(Build { order: Order::Any { builds_max: Some(_), .. }, .. }) => false,
            Step::Build(build) => build.fault.is_none(),
            _ => false,
        };
        let last = schedule.iter().rev().find(|step| !matches!(step, Step::BuildAgain { .. }));
        self.messages_of(Side::Variation).all(|sent| landed.contains(sent.message_id.as_str()))
            && last_constants.is_none_or(|limits| limits == self.limits)
            && last.is_some_and(is_to_the_end)
    }

    /// With the messages of these ids only. Files that are empty then do not land.
    #[must_use]
    pub fn with_only(&self, ids: &BTreeSet<&str>) -> Self {
        let mut trial = self.clone();
        trial.messages.retain(|sent| ids.contains(sent.message_id.as_str()));
        let schedules = std::iter::once(&mut trial.reference).chain(trial.variation.as_mut());
        for step in schedules.flatten() {
            if let Step::Land { files } = step {
                for file in files.iter_mut() {
                    file.messages.retain(|id| ids.contains(id.as_str()));
                }
                files.retain(|file| !file.messages.is_empty());
            }
        }
        trial
    }
}

impl Step {
    /// All messages, one file for each source and load date.
    pub fn land<'a>(messages: impl IntoIterator<Item = &'a Sent>) -> Self {
        Self::Land { files: by_day(messages) }
    }

    /// All messages in files that are cut at random, in any order.
    pub fn land_cut<'a>(messages: impl IntoIterator<Item = &'a Sent>, dice: &mut Dice) -> Self {
        let mut files = Vec::new();
        for mut day in by_day(messages) {
            dice.shuffle(&mut day.messages);
            while !day.messages.is_empty() {
                let count = 1 + dice.below(day.messages.len());
                let messages = day.messages.drain(..count).collect();
                files.push(RawFile { messages, ..day.clone() });
            }
        }
        dice.shuffle(&mut files);
        Self::Land { files }
    }

    /// A build as the command does it.
    pub fn build(window_days_max: usize) -> Self {
        Self::build_in(Order::Tables { window_days_max })
    }

    /// A build in this order, to its end.
    pub fn build_in(order: Order) -> Self {
        Self::Build(Build { order, fault: None })
    }

    /// The constants become these.
    pub fn constants(limits: Limits) -> Self {
        let Limits { max_lateness_days, max_skew_days } = limits;
        Self::Constants { max_lateness_days, max_skew_days }
    }
}

fn by_day<'a>(messages: impl IntoIterator<Item = &'a Sent>) -> Vec<RawFile> {
    let mut files: Vec<RawFile> = Vec::new();
    let mut all: Vec<&Sent> = messages.into_iter().collect();
    all.sort_by_key(|sent| (sent.source, sent.load_date()));
    for sent in all {
        let (source, load_date) = (sent.source, sent.load_date());
        match files.last_mut() {
            Some(file) if (file.source, file.load_date) == (source, load_date) => {
                file.messages.push(sent.message_id.clone());
            }
            _ => files.push(RawFile { source, load_date, messages: vec![sent.message_id.clone()] }),
        }
    }
    files
}
