//! Facts and marts of what users did in the app, by day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use sim::{MicrosUtc, Row};

use super::{
    Tables, UNKNOWN,
    cells::cells,
    histories::Histories,
    key_or_unknown,
    meanings::{Event, Meanings},
};

/// The events of each user on each day.
pub type UserDays<'a> = BTreeMap<(Date, &'a str), Vec<Event<'a>>>;

/// The accepted events by day and user.
pub fn user_days<'a>(meanings: &Meanings<'a>) -> UserDays<'a> {
    let mut user_days = UserDays::new();
    for event in &meanings.accepted_events {
        user_days.entry((event.date(), &event.said.user_id)).or_default().push(*event);
    }
    user_days
}

/// Adds the facts.
pub fn add_facts(tables: &mut Tables, meanings: &Meanings<'_>, user_days: &UserDays<'_>) {
    for event in &meanings.accepted_events {
        let (said, visit) = (event.said, &event.said.visit);
        let product_id = said.product_id.as_deref().unwrap_or_default();
        let keys = [visit.session_id.as_str(), &visit.device_id, product_id].map(key_or_unknown);
        let head = cells![event.date(), event.sent.load_date(), said.user_id, said.functionality];
        let tail = cells![said.event.name(), event.at];
        tables.add("dimensional.fact_event", [head, keys.to_vec(), tail].concat());
    }
    for (sent, reason) in &meanings.rejected {
        let load_date = sent.load_date();
        let row = cells![load_date, load_date, sent.source.name(), reason];
        tables.add("dimensional.fact_rejection", row);
    }
    for ((date, user), events) in user_days {
        let sessions: BTreeSet<&str> =
            events.iter().map(|e| e.said.visit.session_id.as_str()).collect();
        let session_count = sessions.iter().filter(|session| !session.is_empty()).count();
        let first = events.iter().map(|event| event.at).min();
        let last = events.iter().map(|event| event.at).max();
        let row = cells![date, user, events.len(), session_count, first, last];
        tables.add("dimensional.fact_user_day", row);
    }
}

/// What the marts of a case have in common.
pub struct Marts<'a> {
    /// The accepted events by day and user.
    pub user_days: UserDays<'a>,
    /// The histories of users.
    pub users: &'a Histories<'a>,
    /// The first date of the calendar.
    pub calendar_from: Date,
    /// The last date that has rows.
    pub last_date: Date,
    /// The first date that is not final.
    pub final_before: Date,
}

impl Marts<'_> {
    /// Whether no late event can change the date any more.
    pub fn is_final(&self, date: Date) -> bool {
        date < self.final_before
    }

    /// Adds the marts of activity.
    pub fn add(&self, tables: &mut Tables) {
        let mut date = self.user_days.keys().map(|(date, _)| *date).min().unwrap_or(self.last_date);
        while date <= self.last_date {
            self.add_activity(tables, date);
            self.add_plans(tables, date);
            self.add_retention(tables, date);
            date = date.tomorrow().expect("dates are far from the end of time");
        }
    }

    fn users_between(&self, from: Date, to: Date) -> BTreeSet<&str> {
        let days = self.user_days.keys().filter(|(date, _)| from <= *date && *date <= to);
        days.map(|(_, user)| *user).collect()
    }

    fn on(&self, date: Date) -> impl Iterator<Item = (&str, usize)> {
        let days = self.user_days.iter().filter(move |((of, _), _)| *of == date);
        days.map(|((_, user), events)| (*user, events.len()))
    }

    fn add_activity(&self, tables: &mut Tables, date: Date) {
        let month = self.users_between(date - 27.days(), date);
        let before = self.users_between(date - 28.days(), date - 28.days());
        if month.is_empty() && before.is_empty() {
            return;
        }
        // New, returning, unknown.
        let mut signed_up = [0_u64; 3];
        for (user, _) in self.on(date) {
            let place = match self.signed_up_date(date, user) {
                Some(signed_up_date) if signed_up_date == date => 0,
                Some(signed_up_date) if signed_up_date < date => 1,
                _ => 2,
            };
            signed_up[place] += 1;
        }
        let [new, returning, unknown] = signed_up;
        let week = self.users_between(date - 6.days(), date);
        let churned = before.difference(&month).count();
        let event_count: usize = self.on(date).map(|(_, count)| count).sum();
        let head = cells![date, self.on(date).count(), week.len(), month.len()];
        let tail = cells![new, returning, unknown, churned, event_count, self.is_final(date)];
        tables.add("mart.daily_active_users", [head, tail].concat());
    }

    fn add_plans(&self, tables: &mut Tables, date: Date) {
        let mut plans: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (user, event_count) in self.on(date) {
            let profile = self.profile_at_the_end_of(date, user).and_then(Row::as_user);
            let plan = profile.map_or(UNKNOWN.to_owned(), |profile| profile.plan.clone());
            let counts = plans.entry(plan).or_default();
            *counts = (counts.0 + 1, counts.1 + event_count);
        }
        for (plan, (users, events)) in plans {
            let row = cells![date, plan, users, events, self.is_final(date)];
            tables.add("mart.active_users_by_plan", row);
        }
    }

    fn add_retention(&self, tables: &mut Tables, date: Date) {
        let mut cohorts: BTreeMap<Date, usize> = BTreeMap::new();
        for (user, _) in self.on(date) {
            if let Some(cohort_date) = self.signed_up_date(date, user)
                && cohort_date <= date
                && cohort_date >= date - 28.days()
            {
                *cohorts.entry(cohort_date).or_default() += 1;
            }
        }
        for (cohort_date, users) in cohorts {
            let days = i64::from((date - cohort_date).get_days());
            let row = cells![date, cohort_date, days, users, self.is_final(date)];
            tables.add("mart.retention_cohorts", row);
        }
    }

    fn profile_at_the_end_of(&self, date: Date, user: &str) -> Option<&Row> {
        let history = self.users.get(user)?;
        history.iter().rev().find(|(since, _)| since.date() <= date)?.1
    }

    fn signed_up_date(&self, date: Date, user: &str) -> Option<Date> {
        let profile = self.profile_at_the_end_of(date, user).and_then(Row::as_user);
        profile.map(|profile| profile.signed_up_at).map(MicrosUtc::date)
    }
}
