//! The simulation as a whole: what arrives at the server on a day.

use crate::accounts::Accounts;
use crate::arrival::{Arrival, Source};
use crate::catalogue::Catalogue;
use crate::connector::Connector;
use crate::database::Database;
use crate::faults::Faults;
use crate::people::{People, usage_percent};
use crate::phone::{DELAY_MAX, Phone, Window};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::sessions::Visits;
use crate::shop::Shop;
use crate::time::{MICROS_PER_DAY, MicrosUtc, date_of, day_of};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A simulated world. Holds no state that changes: every day can be asked for, in any order.
#[derive(Clone, Debug)]
pub struct Simulation {
    scenario: Scenario,
    random: Random,
    people: People,
    accounts: Accounts,
    catalogue: Catalogue,
    faults: Faults,
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

    /// Every batch that arrives on that UTC day, in order of (`arrived_at`, `lane`, `source`).
    /// Before the start date nothing does; after the last day the world goes on.
    pub fn arrivals(&self, load_date: Date) -> Vec<Arrival> {
        let day = day_of(load_date);
        let mut arrivals = Vec::new();
        if load_date < self.scenario.start_date {
            return arrivals;
        }
        // A session at the end of the day lasts into the next one.
        let assortment = self.catalogue.until(day + 1);
        let shop = Shop { assortment, commerce: self.scenario.commerce };
        let visits = Visits {
            accounts: &self.accounts,
            start_at: self.people.growth.start_at(),
            buying_parts: u64::from(self.scenario.commerce.buying_days.0),
        };
        let (people, accounts) = (&self.people, &self.accounts);
        let database = Database { people, accounts, visits, shop: &shop };
        let random = self.random.stream("connector");
        Connector { database, faults: &self.faults, random }.send(day, &mut arrivals);
        self.phones_send(day, visits, &shop, &mut arrivals);
        keep_lanes_in_order(&mut arrivals, day);
        arrivals
    }

    fn phones_send(&self, day: i64, visits: Visits<'_>, shop: &Shop, arrivals: &mut Vec<Arrival>) {
        let first_day = day_of(self.scenario.start_date);
        // A session at the end of a day may be sent on the next one, and may wait before.
        let earliest = (day - DELAY_MAX / MICROS_PER_DAY - 2).max(first_day);
        let usage: Vec<(i64, u64)> =
            (earliest..=day).map(|day| (day, usage_percent(day))).collect();
        let window = Window { day };
        for user in self.people.growth.users_before(MicrosUtc::start_of(day + 1)) {
            let person = self.people.person(user);
            for &(session_day, percent) in &usage {
                for session in visits.on(&person, session_day, percent) {
                    Phone::new(&person, &session, &self.faults).send(shop, window, arrivals);
                }
            }
        }
    }
}

/// Sorts, and moves apart what arrives in the same microsecond from the same sender, without
/// moving anything out of the day.
fn keep_lanes_in_order(arrivals: &mut [Arrival], day: i64) {
    arrivals.sort_by_key(sort_key);
    let mut last_of_lane: BTreeMap<(Source, u64), MicrosUtc> = BTreeMap::new();
    let mut moved = false;
    for arrival in arrivals.iter_mut() {
        let last =
            last_of_lane.entry((arrival.source, arrival.lane)).or_insert(MicrosUtc(i64::MIN));
        if arrival.arrived_at <= *last {
            arrival.arrived_at = last.plus(1);
            moved = true;
        }
        *last = arrival.arrived_at;
    }
    let midnight = MicrosUtc::start_of(day + 1);
    let mut next_of_lane: BTreeMap<(Source, u64), MicrosUtc> = BTreeMap::new();
    for arrival in arrivals.iter_mut().rev() {
        let next = next_of_lane.entry((arrival.source, arrival.lane)).or_insert(midnight);
        if arrival.arrived_at >= *next {
            arrival.arrived_at = next.plus(-1);
            moved = true;
        }
        *next = arrival.arrived_at;
    }
    if moved {
        arrivals.sort_by_key(sort_key);
    }
}

fn sort_key(arrival: &Arrival) -> (MicrosUtc, u64, Source) {
    (arrival.arrived_at, arrival.lane, arrival.source)
}
