//! Faults: one ordered list of rules, each giving a verdict on a phone, a session, a batch or a
//! message. The first rule that applies wins. What a verdict does is up to `phone`, `connector` and
//! `change_message`.

use crate::random::{Random, digest};
use serde::Deserialize;

/// A share, exact to the millionth. In a scenario it is written as a fraction, such as `0.0125`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub struct PartsPerMillion(pub u32);

impl TryFrom<f64> for PartsPerMillion {
    type Error = String;

    fn try_from(fraction: f64) -> Result<PartsPerMillion, String> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(format!("{fraction} is not a share: write a number from 0.0 to 1.0"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000000")]
        let parts = (fraction * 1e6 + 0.5) as u32;
        if (f64::from(parts) / 1e6 - fraction).abs() > 1e-12 {
            return Err(format!("{fraction} is too fine: write at most six decimals"));
        }
        Ok(PartsPerMillion(parts))
    }
}

/// A rule of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// In which share of the cases.
    pub rate: PartsPerMillion,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A phone whose clock is wrong by the same amount all the time.
    WrongClock,
    /// A session that is sent minutes to weeks later, because the phone was offline.
    Late,
    /// A session in which the clock was set between the events and their sending.
    ClockChanged,
    /// A batch whose acknowledgement does not reach the phone, which sends it again.
    AcknowledgementLost,
    /// A batch whose connection breaks before the acknowledgement; the phone sends it again.
    ConnectionBroken,
    /// A batch that arrives after the one behind it, its events in another order.
    OutOfOrder,
    /// An event that stands in its batch twice.
    DuplicateInBatch,
    /// An event without a required field.
    MissingKey,
    /// An event whose JSON ends too early.
    MalformedJson,
    /// An event with bytes that are not UTF-8.
    NotUtf8,
    /// An event with a field of another type.
    WrongType,
    /// An event with a name that nobody knows.
    UnknownEvent,
    /// A batch of changes that comes again within hours.
    ChangesRedelivered,
    /// A batch of changes that comes again one to three days later.
    ChangesRedeliveredLater,
    /// A change without a required field.
    ChangeMissingKey,
    /// A change whose JSON ends too early.
    ChangeMalformedJson,
    /// A change with bytes that are not UTF-8.
    ChangeNotUtf8,
    /// A change with a field of another type.
    ChangeWrongType,
    /// A change with an operation that nobody knows.
    ChangeUnknownOperation,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Phone,
    Session,
    Batch,
    Message,
    ChangeBatch,
    Change,
}

impl Fault {
    const fn subject(self) -> Subject {
        match self {
            Fault::WrongClock => Subject::Phone,
            Fault::Late | Fault::ClockChanged => Subject::Session,
            Fault::AcknowledgementLost | Fault::ConnectionBroken | Fault::OutOfOrder => {
                Subject::Batch
            }
            Fault::DuplicateInBatch
            | Fault::MissingKey
            | Fault::MalformedJson
            | Fault::NotUtf8
            | Fault::WrongType
            | Fault::UnknownEvent => Subject::Message,
            Fault::ChangesRedelivered | Fault::ChangesRedeliveredLater => Subject::ChangeBatch,
            Fault::ChangeMissingKey
            | Fault::ChangeMalformedJson
            | Fault::ChangeNotUtf8
            | Fault::ChangeWrongType
            | Fault::ChangeUnknownOperation => Subject::Change,
        }
    }
}

/// The rules of a scenario, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// For each subject, the rules with the digests of their names.
    rules: [Vec<(FaultRule, u64)>; 6],
}

impl Faults {
    pub(crate) fn new(rules: &[FaultRule]) -> Faults {
        let mut faults = Faults { rules: Default::default() };
        for rule in rules {
            let name_digest = digest(&format!("fault {:?}", rule.fault));
            faults.rules[rule.fault.subject() as usize].push((*rule, name_digest));
        }
        faults
    }

    /// What befalls the thing whose place in the tree of seeds is given. Each fault draws for
    /// itself, so that a new rule or another rate leaves the draws of the others as they are.
    pub(crate) fn verdict(&self, subject: Subject, random: Random) -> Option<Fault> {
        self.rules[subject as usize]
            .iter()
            .find(|(rule, name_digest)| random.named(*name_digest).chance(u64::from(rule.rate.0)))
            .map(|(rule, _)| rule.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultRule, Faults, PartsPerMillion, Subject};
    use crate::random::Random;

    #[test]
    fn the_first_rule_that_applies_wins() {
        let rule = |fault, parts| FaultRule { fault, rate: PartsPerMillion(parts) };
        let faults = Faults::new(&[
            rule(Fault::NotUtf8, 500_000),
            rule(Fault::WrongType, 1_000_000),
            rule(Fault::MissingKey, 1_000_000),
        ]);
        let random = Random::new(1);
        let verdicts: Vec<_> =
            (0..1_000).map(|index| faults.verdict(Subject::Message, random.at(index))).collect();
        let count = |fault| verdicts.iter().filter(|verdict| **verdict == Some(fault)).count();
        assert!((400..600).contains(&count(Fault::NotUtf8)));
        assert_eq!(count(Fault::NotUtf8) + count(Fault::WrongType), 1_000);
        assert_eq!(faults.verdict(Subject::Batch, random), None);
    }

    #[test]
    fn shares_are_exact_or_refused() {
        assert_eq!(PartsPerMillion::try_from(0.0125), Ok(PartsPerMillion(12_500)));
        assert_eq!(PartsPerMillion::try_from(1.0), Ok(PartsPerMillion(1_000_000)));
        assert!(PartsPerMillion::try_from(0.000_000_5).is_err());
        assert!(PartsPerMillion::try_from(1.5).is_err());
    }
}
