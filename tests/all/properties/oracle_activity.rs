//! The oracle's facts and marts of activity.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use sim::Limits;

use super::oracle::{Event, History, Profile, Tables, add};

/// Adds what the accepted events and the users' histories make of each day.
pub fn add_activity(
    tables: &mut Tables,
    accepted: &[Event<'_>],
    histories: &BTreeMap<&str, History>,
    limits: Limits,
    (first_load_date, last_load_date): (Date, Date),
) {
    let mut user_days: BTreeMap<(Date, &str), Vec<i64>> = BTreeMap::new();
    for event in accepted {
        let key = (event.event_at.date(), event.said.user_id.as_str());
        user_days.entry(key).or_default().push(event.event_at.0);
    }
    for ((date, user), times) in &user_days {
        let first = times.iter().min().expect("an event makes the day").to_string();
        let last = times.iter().max().expect("as above").to_string();
        // All phones of a nasty set name one and the same session.
        let row = [
            date.to_string(),
            (*user).to_owned(),
            times.len().to_string(),
            "1".into(),
            first,
            last,
        ];
        add(tables, "fact_user_day", &row);
    }
    let final_before = last_load_date - i64::from(limits.max_lateness_days).days();
    let calendar_from =
        (first_load_date - i64::from(limits.max_lateness_days).days()).first_of_year();
    let last_final = Some(final_before - 1.day()).filter(|date| *date >= calendar_from);
    add(tables, "final dates", &[last_final.map_or("-".to_owned(), |date| date.to_string())]);
    let days = Days { user_days, histories, final_before };
    let mut date = days.user_days.keys().map(|(date, _)| *date).min().unwrap_or(last_load_date);
    while date <= last_load_date {
        days.add(tables, date);
        date = date.tomorrow().expect("dates are far from the end of time");
    }
}

struct Days<'a> {
    user_days: BTreeMap<(Date, &'a str), Vec<i64>>,
    histories: &'a BTreeMap<&'a str, History>,
    final_before: Date,
}

impl Days<'_> {
    fn add(&self, tables: &mut Tables, date: Date) {
        let since = date - 27.days();
        let within: BTreeSet<&str> = self
            .user_days
            .keys()
            .filter(|(d, _)| since <= *d && *d <= date)
            .map(|(_, user)| *user)
            .collect();
        if within.is_empty() {
            return;
        }
        let is_final = (date < self.final_before).to_string();
        let mut active = 0_u64;
        let mut signed_up = [0_u64; 3];
        let mut event_count = 0;
        let mut plans: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        for ((_, user), times) in self.user_days.iter().filter(|((d, _), _)| *d == date) {
            let profile = self.profile_at_the_end_of(date, user);
            let signed_up_date = profile.as_ref().map(|(at, ..)| sim::MicrosUtc(*at).date());
            let place = match signed_up_date {
                Some(signed_up_date) if signed_up_date == date => 0,
                Some(signed_up_date) if signed_up_date < date => 1,
                _ => 2,
            };
            active += 1;
            signed_up[place] += 1;
            event_count += times.len();
            let plan = profile.map_or("unknown".to_owned(), |(_, _, plan, _)| plan);
            let count = plans.entry(plan).or_default();
            *count = (count.0 + 1, count.1 + times.len());
        }
        let [new, returning, unknown] = signed_up;
        let counts = [active, within.len() as u64, new, returning, unknown, event_count as u64];
        let cells = counts.map(|count| count.to_string());
        let row = [&[date.to_string()][..], &cells, std::slice::from_ref(&is_final)].concat();
        add(tables, "daily_active_users", &row);
        for (plan, (users, events)) in plans {
            let row =
                [date.to_string(), plan, users.to_string(), events.to_string(), is_final.clone()];
            add(tables, "active_users_by_plan", &row);
        }
    }

    fn profile_at_the_end_of(&self, date: Date, user: &str) -> Profile {
        let history = self.histories.get(user)?;
        let last = history.iter().rev().find(|(since, _)| since.date() <= date)?;
        last.1.clone()
    }
}
