//! What arrives at the server on a day, by shards and as an iterator: never the whole day at once.

use crate::arrival::Arrival;
use crate::connector::{Batches, Connector};
use crate::database::Database;
use crate::orders::LIFE_DAYS_MAX;
use crate::outbox::Outbox;
use crate::people::{ActiveDay, usage};
use crate::phone::{DELAY_MAX, Phone};
use crate::sessions::{Session, Visits};
use crate::shards::Shard;
use crate::shop::Shop;
use crate::simulation::Simulation;
use crate::time::{MICROS_PER_DAY, MicrosUtc, day_of};
use jiff::civil::Date;
use std::ops::Range;

/// How many days after its session something may arrive at the latest, sent for the first time:
/// a session at the end of a day may be sent on the next one, and may wait before.
const LATE_DAYS_MAX: i64 = DELAY_MAX / MICROS_PER_DAY + 2;

const _: () = assert!(LIFE_DAYS_MAX + 4 <= LATE_DAYS_MAX, "the days of orders are among these");

/// A day of a simulation, which can be shared among threads.
#[derive(Debug)]
pub struct Day<'a> {
    simulation: &'a Simulation,
    day: i64,
    has_meanings: bool,
    shop: Shop,
    user_count: u64,
    /// The day, and those before it of which something may arrive.
    days: Vec<ActiveDay>,
}

impl<'a> Day<'a> {
    pub(crate) fn new(simulation: &'a Simulation, date: Date) -> Day<'a> {
        let day = day_of(date);
        let end_at = MicrosUtc::start_of(day + 1);
        let growth = &simulation.people.growth;
        Day {
            simulation,
            day,
            has_meanings: false,
            // A session at the end of the day lasts into the next one.
            shop: Shop {
                assortment: simulation.catalogue.until(day + 1),
                commerce: simulation.scenario.commerce,
            },
            user_count: growth.user_count_before(end_at),
            days: usage(day - LATE_DAYS_MAX..=day),
        }
    }

    /// The same with what each message means, for who computes the truth.
    #[must_use]
    pub fn with_meanings(self) -> Day<'a> {
        Day { has_meanings: true, ..self }
    }

    /// Every batch of the users and the tables of the shard of that number, which is below
    /// [`crate::SHARD_COUNT`]. What has the same source and lane comes in the order of its arrival.
    pub fn shard(&self, number: u64) -> Arrivals<'_> {
        let shard = Shard::new(number);
        let has_begun = self.day >= self.simulation.people.growth.start_at().day();
        let simulation = self.simulation;
        let visits = Visits {
            accounts: &simulation.accounts,
            start_at: simulation.people.growth.start_at(),
            buying_parts: u64::from(simulation.scenario.commerce.buying_days.0),
        };
        let (people, accounts) = (&simulation.people, &simulation.accounts);
        let connector = Connector {
            database: Database { people, accounts, visits, shop: &self.shop },
            shard,
            day: self.day,
            faults: &simulation.faults,
            random: simulation.random.stream("connector"),
        };
        Arrivals {
            day: self,
            visits,
            connector,
            users: 0..if has_begun { shard.size(self.user_count) } else { 0 },
            changes: has_begun.then(Batches::new),
            outbox: Outbox::new(self.has_meanings),
            active_days: Vec::new(),
            sessions: Vec::new(),
        }
    }
}

/// The batches of a shard on a day.
pub struct Arrivals<'a> {
    day: &'a Day<'a>,
    visits: Visits<'a>,
    connector: Connector<'a>,
    /// The users of the shard who are left, of whom the newest come first: of the oldest hardly
    /// anybody may be there any more.
    users: Range<u64>,
    /// What the connector is to send; none when it has sent.
    changes: Option<Batches>,
    outbox: Outbox,
    active_days: Vec<ActiveDay>,
    sessions: Vec<Session>,
}

impl Arrivals<'_> {
    /// Takes a batch back that is not needed any more, so that its memory serves for another one.
    pub fn recycle(&mut self, arrival: Arrival) {
        self.outbox.recycle(arrival.messages);
    }

    /// What the user's phone sends, and what changes in the user's rows.
    fn visit(&mut self, user: u64) {
        let Day { simulation, day, shop, days, .. } = self.day;
        let person = simulation.people.person(user);
        self.visits.fill_active_days(&person, days, &mut self.active_days);
        let start_day = simulation.people.growth.start_at().day();
        for &(session_day, usage_percent) in &self.active_days {
            if session_day < start_day {
                continue;
            }
            self.visits.on(&person, session_day, usage_percent, &mut self.sessions);
            for session in &self.sessions {
                Phone::new(&person, session, &simulation.faults).send(shop, *day, &mut self.outbox);
            }
        }
        self.outbox.end_lane(*day);
        if let Some(changes) = &mut self.changes {
            self.connector.note_user(&person, &self.active_days, changes);
        }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.outbox.pop() {
                return Some(arrival);
            }
            if let Some(index) = self.users.next_back() {
                let number = self.connector.shard.number(index);
                self.visit(self.day.simulation.people.growth.user(number));
            } else {
                self.connector.send(self.changes.take()?, &mut self.outbox);
            }
        }
    }
}
