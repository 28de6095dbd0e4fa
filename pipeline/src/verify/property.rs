//! The properties: what must not matter to a table, by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sim::{Limits, Source};

use super::{
    dice::Dice,
    message::{Sent, random_limits, random_messages},
    properties,
    sound::is_sound,
    trial::{ALL_DAYS, Schedule, Step, Trial},
};

/// Something that must not matter, or must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Day by day, or all at once.
    Rebuild,
    /// In which order.
    Order,
    /// In which windows.
    Windows,
    /// In how many files and runs.
    Split,
    /// How often a message came.
    Copies,
    /// How often a partition was built.
    Replay,
    /// When an event came.
    Late,
    /// Where a build was killed.
    Crash,
    /// What else a payload says.
    Drift,
    /// Which constants held before.
    Constants,
    /// No message is lost.
    Conservation,
    /// The simulator knows.
    Truth,
}

impl Property {
    /// All of them. Those that cost nothing once a set of messages is built come first.
    pub const ALL: [Self; 12] = [
        Self::Conservation,
        Self::Truth,
        Self::Rebuild,
        Self::Order,
        Self::Windows,
        Self::Split,
        Self::Copies,
        Self::Replay,
        Self::Late,
        Self::Crash,
        Self::Drift,
        Self::Constants,
    ];

    /// As it is called on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Order => "order",
            Self::Windows => "windows",
            Self::Split => "split",
            Self::Copies => "copies",
            Self::Replay => "replay",
            Self::Late => "late",
            Self::Crash => "crash",
            Self::Drift => "drift",
            Self::Constants => "constants",
            Self::Conservation => "conservation",
            Self::Truth => "truth",
        }
    }

    /// What it says, in a line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Rebuild => "built day by day as messages come = built once from all of them",
            Self::Order => "partitions built in any order that the graph allows",
            Self::Windows => "the days cut into any windows of one statement each",
            Self::Split => "a day's messages in any files, in any number of runs, long past or not",
            Self::Copies => "a message delivered again, or an event sent again, changes no row",
            Self::Replay => "any partition built any number of times",
            Self::Late => "an event that comes later, but in time, counts as if it had not",
            Self::Crash => "killed between or within any statements, then resumed",
            Self::Drift => "an unknown field in a payload changes nothing",
            Self::Constants => "lookbacks and skews changed in mid-history = always been so",
            Self::Conservation => {
                "each message in one of accepted, rejected, duplicates; histories without gaps"
            }
            Self::Truth => "what the simulator knows: every verdict, and the numbers of marts",
        }
    }

    /// What the two sides of a failure are.
    pub const fn sides(self) -> [&'static str; 2] {
        match self {
            Self::Conservation | Self::Truth => ["must be", "is"],
            Self::Rebuild => ["built at once", "day by day"],
            Self::Order => ["built at once", "in another order"],
            Self::Windows => ["in one window", "in other windows"],
            Self::Split => ["in one run", "in other files and runs"],
            Self::Copies => ["without copies", "with copies"],
            Self::Replay => ["built once", "built again"],
            Self::Late => ["came in time", "came later"],
            Self::Crash => ["undisturbed", "killed and resumed"],
            Self::Drift => ["as it was", "with a new field"],
            Self::Constants => ["always so", "changed in between"],
        }
    }

    /// What is usually wrong with a table for which it does not hold.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Conservation => {
                "see which of the tables of a source take a message that they should not take, or \
                 none does; in a history, take `lead` for the end only when all else is done"
            }
            Self::Truth => {
                "the query makes the same mistake however it is built; read what the rows above \
                 must be, and follow one of the messages through it"
            }
            Self::Rebuild | Self::Split => {
                "what came in an earlier run counts otherwise than what comes now; see whether the \
                 query reads far enough before `@from_date`, the contract's `reads` say so, and a \
                 merge reads only rows that never vanish"
            }
            Self::Order | Self::Windows => {
                "the table depends on where a window begins or ends; see whether the query reads \
                 beyond `@from_date` and `@to_date` what it needs, and the contract's `reads` say so"
            }
            Self::Copies => {
                "a copy counts; take distinct messages, and drop duplicates before counting"
            }
            Self::Replay => {
                "a build adds to what an earlier build left; let the query depend on its inputs only"
            }
            Self::Late => {
                "the table depends on when a message came; use the time at which it happened, or say \
                 `arrival = true` of a column that is meant to tell when messages came"
            }
            Self::Crash => "something of a build stays that its transaction does not take back",
            Self::Drift => "the query looks at the whole payload; take the fields that it needs",
            Self::Constants => {
                "a number stands in the query, or in `reads`, where a parameter of the source belongs"
            }
        }
    }

    /// The trial of this property on a set of messages; `None` if the set has nothing to try it on.
    pub fn trial(self, draw: &Draw) -> Option<Trial> {
        if draw.messages.is_empty() {
            return None;
        }
        let mut dice = Dice::new(draw.seed, self.name());
        let dice = &mut dice;
        let messages = draw.messages.clone();
        let unchanged = |schedule: Schedule| Some((messages.clone(), schedule));
        let varied = match self {
            Self::Conservation | Self::Truth => None,
            Self::Rebuild => Some(unchanged(properties::rebuild::schedule(draw, dice))?),
            Self::Order => Some(unchanged(properties::order::schedule(draw, dice))?),
            Self::Windows => Some(unchanged(properties::windows::schedule(draw, dice))?),
            Self::Split => Some(unchanged(properties::split::schedule(draw, dice))?),
            Self::Replay => Some(unchanged(properties::replay::schedule(draw, dice))?),
            Self::Crash => Some(unchanged(properties::crash::schedule(draw, dice))?),
            Self::Constants => Some(unchanged(properties::constants::schedule(draw, dice))?),
            Self::Copies => Some(properties::copies::vary(draw, dice)),
            Self::Late => Some(properties::late::vary(draw, dice)?),
            Self::Drift => Some(properties::drift::vary(draw, dice)?),
        };
        let (messages, variation) = match varied {
            None => (messages, None),
            Some((messages, schedule)) => (messages, Some(schedule)),
        };
        let reference = draw.reference();
        let (seed, limits) = (draw.seed, draw.limits);
        let trial = Trial { property: self, seed, limits, messages, reference, variation };
        is_sound(self, &trial.messages, limits).then_some(trial)
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No property has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no property `{0}`")]
pub struct UnknownProperty(String);

impl FromStr for Property {
    type Err = UnknownProperty;

    fn from_str(text: &str) -> Result<Self, UnknownProperty> {
        let found = Self::ALL.into_iter().find(|property| property.name() == text);
        found.ok_or_else(|| UnknownProperty(text.to_owned()))
    }
}

/// A set of messages, on which every property is tried.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Everything follows from it, and from what is drawn.
    pub seed: u64,
    /// The constants.
    pub limits: Limits,
    /// In the order of arrival.
    pub messages: Vec<Sent>,
    /// How many tables are built.
    pub table_count: usize,
}

impl Draw {
    /// The set of a seed.
    pub fn new(seed: u64, sources: &[Source], size_max: usize, table_count: usize) -> Self {
        let mut dice = Dice::new(seed, "draw");
        let limits = random_limits(&mut dice);
        let messages = random_messages(&mut dice, (seed, limits), sources, size_max);
        Self { seed, limits, messages, table_count }
    }

    /// Everything at once.
    pub fn reference(&self) -> Schedule {
        vec![Step::land(&self.messages), Step::build(ALL_DAYS)]
    }
}
