//! The simulation as a whole, of which every day can be asked for.

use crate::accounts::Accounts;
use crate::catalogue::Catalogue;
use crate::day::Day;
use crate::faults::Faults;
use crate::people::People;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::time::{date_of, day_of};
use jiff::civil::Date;

/// A simulated world. Holds no state that changes: every day can be asked for, in any order.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) random: Random,
    pub(crate) people: People,
    pub(crate) accounts: Accounts,
    pub(crate) catalogue: Catalogue,
    pub(crate) faults: Faults,
}

impl Simulation {
    /// The world that the scenario describes.
    pub fn new(scenario: Scenario) -> Simulation {
        let random = Random::new(scenario.seed);
        let people = People::new(&scenario, random);
        let accounts = Accounts::new(&scenario, &people, random);
        let catalogue = Catalogue::new(&scenario, random);
        let faults = Faults::new(&scenario.faults);
        Simulation { scenario, random, people, accounts, catalogue, faults }
    }

    /// What it was made from.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The simulated days, in order.
    pub fn load_dates(&self) -> impl Iterator<Item = Date> {
        let first = day_of(self.scenario.start_date);
        (first..first + i64::from(self.scenario.days)).map(date_of)
    }

    /// What happens on that UTC day. Before the start date nothing does; after the last day the
    /// world goes on.
    pub fn day(&self, date: Date) -> Day<'_> {
        Day::new(self, date)
    }
}
