//! The tables as they must be, computed in Rust from what the messages mean: never from payloads,
//! never through SQL, and quadratic where that is the plain reading of a rule.
//!
//! A row is its cells joined by `|`, with instants as microseconds, NULL as `-`, and users by their
//! ids in place of hash keys. `QUERIES` gives the same of the tables.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use sim::{Limits, Meaning, MicrosUtc, MobileEvent, Operation, Row, RowChange, Source, UserRow};

use super::{messages::Sent, oracle_activity::add_activity};

/// 0001-01-01.
const BEGINNING_OF_TIME: i64 = -62_135_596_800_000_000;
/// 9999-12-31.
const END_OF_TIME: i64 = 253_402_214_400_000_000;

/// Rows by name, in order.
pub type Tables = BTreeMap<&'static str, Vec<String>>;

/// What each name of the oracle's tables is in the warehouse.
pub const QUERIES: [(&str, &str); 15] = [
    (
        "accepted events",
        "select load_date, message_id, event_id, event_name, user_id, functionality, unix_micros(event_at) \
         from standardized.mobile_events",
    ),
    (
        "duplicates",
        "select 'mobile_events', load_date, message_id, earlier_message_id from standardized.mobile_events_duplicates \
         union all select 'db_users', load_date, message_id, earlier_message_id from standardized.db_users_duplicates",
    ),
    (
        "rejected",
        "select 'mobile_events', load_date, message_id, reject_reason from standardized.mobile_events_rejected \
         union all select 'db_users', load_date, message_id, reject_reason from standardized.db_users_rejected",
    ),
    (
        "accepted changes",
        "select load_date, message_id, user_id, operation, lsn, unix_micros(committed_at) from standardized.db_users",
    ),
    (
        "reconciliation",
        "select source, load_date, archived_count, accepted_count, rejected_count, duplicate_count, \
         lost_count, repeated_count, invented_count from standardized.reconciliation",
    ),
    (
        "hub_user",
        "select user_id, unix_micros(first_seen_at), record_source, first_load_date, \
         user_hk = udf.hash_key(user_id) from vault.hub_user",
    ),
    (
        "hub_functionality",
        "select functionality, unix_micros(first_seen_at), record_source, first_load_date from vault.hub_functionality",
    ),
    (
        "sat_user_profile",
        "select s.load_date, h.user_id, unix_micros(s.effective_at), s.sequence, s.is_deleted, \
         unix_micros(s.signed_up_at), s.country_code, s.plan, s.marketing_opt_in \
         from vault.sat_user_profile as s left join vault.hub_user as h on h.user_hk = s.user_hk",
    ),
    (
        "sat_user_contact",
        "select s.load_date, h.user_id, unix_micros(s.effective_at), s.sequence, s.is_deleted, s.email, s.phone_number \
         from vault.sat_user_contact as s left join vault.hub_user as h on h.user_hk = s.user_hk",
    ),
    (
        "dim_user",
        "select if(d.user_hk = udf.unknown_key(), 'the unknown member', h.user_id), \
         unix_micros(d.valid_from), unix_micros(d.valid_to), d.hashdiff = 'inferred', d.is_deleted, \
         unix_micros(d.signed_up_at), d.country_code, d.plan, d.marketing_opt_in \
         from dimensional.dim_user as d left join vault.hub_user as h on h.user_hk = d.user_hk",
    ),
    (
        "fact_event",
        "select f.event_date, f.load_date, n.event_id, h.user_id, d.functionality, f.event_name, unix_micros(f.event_at) \
         from dimensional.fact_event as f \
         left join vault.nhl_mobile_event as n on n.event_hk = f.event_hk and n.load_date = f.load_date \
         left join vault.hub_user as h on h.user_hk = f.user_hk \
         left join dimensional.dim_functionality as d on d.functionality_hk = f.functionality_hk",
    ),
    (
        "fact_user_day",
        "select f.activity_date, h.user_id, f.event_count, f.session_count, unix_micros(f.first_event_at), \
         unix_micros(f.last_event_at) \
         from dimensional.fact_user_day as f left join vault.hub_user as h on h.user_hk = f.user_hk",
    ),
    ("final dates", "select max(calendar_date) from dimensional.dim_date where is_final"),
    (
        "daily_active_users",
        "select activity_date, active_users, active_users_28_days, new_users, returning_users, unknown_users, \
         event_count, is_final from mart.daily_active_users",
    ),
    (
        "active_users_by_plan",
        "select activity_date, plan, active_users, event_count, is_final from mart.active_users_by_plan",
    ),
];

/// A valid event.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub sent: &'a Sent,
    pub said: &'a MobileEvent,
    pub event_at: MicrosUtc,
}

/// A valid change.
#[derive(Clone, Copy)]
struct Change<'a> {
    sent: &'a Sent,
    said: &'a RowChange,
}

/// What a profile says: sign-up, country, plan, opt-in; none of a user who is deleted.
pub type Profile = Option<(i64, String, String, bool)>;

/// A user's profiles: since when each holds.
pub type History = Vec<(MicrosUtc, Profile)>;

/// The tables that these messages must give; each message counts once, however often it is there.
pub fn tables(messages: &[Sent], limits: Limits) -> Tables {
    let mut distinct: BTreeMap<&str, &Sent> = BTreeMap::new();
    for sent in messages {
        distinct.insert(&sent.message_id, sent);
    }
    let mut tables: Tables = QUERIES.iter().map(|(name, _)| (*name, Vec::new())).collect();
    if distinct.is_empty() {
        // Before the first message there is not even a calendar.
        tables.insert("final dates", vec!["-".to_owned()]);
        return tables;
    }
    let mut places: BTreeMap<(Source, Date), [u64; 4]> = BTreeMap::new();
    let mut note = |sent: &Sent, place: usize| {
        let counts = places.entry((sent.source, sent.load_date())).or_default();
        counts[0] += 1;
        counts[place] += 1;
    };
    let mut in_order: Vec<&Sent> = distinct.into_values().collect();
    in_order.sort_by_key(|sent| (sent.arrived_at, &sent.message_id));
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut changes: Vec<Change<'_>> = Vec::new();
    for sent in in_order {
        match verdict(sent, limits) {
            Err(reason) => {
                note(sent, 2);
                add(
                    &mut tables,
                    "rejected",
                    &[
                        sent.source.name().into(),
                        sent.load_date().to_string(),
                        sent.message_id.clone(),
                        reason.into(),
                    ],
                );
            }
            Ok(Valid::Event(event)) => events.push(event),
            Ok(Valid::Change(change)) => changes.push(change),
        }
    }
    let accepted = add_events(&mut tables, &events, limits, &mut note);
    add_changes(&mut tables, &changes, &mut note);
    for ((source, load_date), counts) in &places {
        let mut row = vec![source.name().to_owned(), load_date.to_string()];
        row.extend(counts.iter().chain(&[0, 0, 0]).map(u64::to_string));
        add(&mut tables, "reconciliation", &row);
    }
    add_hubs(&mut tables, &events, &changes);
    let histories = add_dim_user(&mut tables, &events, &changes);
    let load_dates = || messages.iter().map(Sent::load_date);
    if let (Some(first), Some(last)) = (load_dates().min(), load_dates().max()) {
        add_activity(&mut tables, &accepted, &histories, limits, (first, last));
    }
    for rows in tables.values_mut() {
        rows.sort();
    }
    tables
}

/// Adds a row.
pub fn add(tables: &mut Tables, name: &'static str, cells: &[String]) {
    tables.entry(name).or_default().push(cells.join("|"));
}

enum Valid<'a> {
    Event(Event<'a>),
    Change(Change<'a>),
}

fn verdict(sent: &Sent, limits: Limits) -> Result<Valid<'_>, &'static str> {
    let latest = sent.load_date() + i64::from(limits.max_skew_days).days();
    match &sent.message.meaning {
        Meaning::Invalid(reason) => Err(reason.code()),
        Meaning::RowChange(said) if said.committed_at.date() > latest => Err("in_future"),
        Meaning::RowChange(said) => Ok(Valid::Change(Change { sent, said })),
        Meaning::MobileEvent(said) => {
            let event_at = MicrosUtc(said.occurred_at.0 + sent.arrived_at.0 - sent.sent_at.0);
            let earliest = sent.load_date() - i64::from(limits.max_lateness_days).days();
            if event_at.date() < earliest {
                Err("too_late")
            } else if event_at.date() > latest {
                Err("in_future")
            } else {
                Ok(Valid::Event(Event { sent, said, event_at }))
            }
        }
    }
}

fn add_events<'a>(
    tables: &mut Tables,
    events: &[Event<'a>],
    limits: Limits,
    note: &mut impl FnMut(&Sent, usize),
) -> Vec<Event<'a>> {
    let lookback = i64::from(limits.max_lateness_days + limits.max_skew_days).days();
    let mut accepted = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let (sent, said) = (event.sent, event.said);
        let since = sent.load_date() - lookback;
        let earlier = events[..index].iter().rev().find(|earlier| {
            earlier.said.event_id == said.event_id && earlier.sent.load_date() >= since
        });
        let load_date = sent.load_date().to_string();
        if let Some(earlier) = earlier {
            note(sent, 3);
            let earlier_id = earlier.sent.message_id.clone();
            add(
                tables,
                "duplicates",
                &["mobile_events".into(), load_date, sent.message_id.clone(), earlier_id],
            );
            continue;
        }
        note(sent, 1);
        accepted.push(*event);
        let event_at = event.event_at.0.to_string();
        add(
            tables,
            "accepted events",
            &[
                load_date.clone(),
                sent.message_id.clone(),
                said.event_id.clone(),
                said.event_name.into(),
                said.user_id.clone(),
                said.functionality.into(),
                event_at.clone(),
            ],
        );
        add(
            tables,
            "fact_event",
            &[
                event.event_at.date().to_string(),
                load_date,
                said.event_id.clone(),
                said.user_id.clone(),
                said.functionality.into(),
                said.event_name.into(),
                event_at,
            ],
        );
    }
    accepted
}

fn add_changes(tables: &mut Tables, changes: &[Change<'_>], note: &mut impl FnMut(&Sent, usize)) {
    let mut profiles = BTreeSet::new();
    let mut contacts = BTreeSet::new();
    for (index, change) in changes.iter().enumerate() {
        let (sent, said) = (change.sent, change.said);
        let load_date = sent.load_date().to_string();
        let is_same = |earlier: &&Change<'_>| {
            earlier.said.identity == said.identity && earlier.sent.load_date() == sent.load_date()
        };
        if let Some(earlier) = changes[..index].iter().rev().find(is_same) {
            note(sent, 3);
            let earlier_id = earlier.sent.message_id.clone();
            add(
                tables,
                "duplicates",
                &["db_users".into(), load_date, sent.message_id.clone(), earlier_id],
            );
            continue;
        }
        note(sent, 1);
        let (lsn, committed_at) = (said.lsn.to_string(), said.committed_at.0.to_string());
        add(
            tables,
            "accepted changes",
            &[
                load_date.clone(),
                sent.message_id.clone(),
                said.key.clone(),
                said.operation.name().into(),
                lsn.clone(),
                committed_at.clone(),
            ],
        );
        let head = [load_date, said.key.clone(), committed_at, lsn, said.row.is_none().to_string()];
        let profile = profile_cells(profile(said).as_ref(), "-");
        profiles.insert([head.to_vec(), profile].concat());
        contacts.insert([head.to_vec(), contact(said)].concat());
    }
    for row in profiles {
        add(tables, "sat_user_profile", &row);
    }
    for row in contacts {
        add(tables, "sat_user_contact", &row);
    }
}

fn add_hubs(tables: &mut Tables, events: &[Event<'_>], changes: &[Change<'_>]) {
    type Told = Vec<(i64, String, Date)>;
    let mut users: BTreeMap<&str, Told> = BTreeMap::new();
    let mut functionalities: BTreeMap<&str, Told> = BTreeMap::new();
    for event in events {
        let record_source = format!("mobile_events/{}", event.said.functionality);
        let told = (event.event_at.0, record_source, event.sent.load_date());
        users.entry(&event.said.user_id).or_default().push(told.clone());
        functionalities.entry(event.said.functionality).or_default().push(told);
    }
    for change in changes {
        let told = (change.said.committed_at.0, "db_users".to_owned(), change.sent.load_date());
        users.entry(&change.said.key).or_default().push(told);
    }
    let mut add_hub = |name, keys: BTreeMap<&str, Told>, rest: &[String]| {
        for (key, told) in keys {
            let first = told.iter().min().expect("a key is told of at least once");
            let first_load_date = told.iter().map(|(.., date)| *date).min().expect("as above");
            let row =
                [key.to_owned(), first.0.to_string(), first.1.clone(), first_load_date.to_string()];
            add(tables, name, &[&row, rest].concat());
        }
    };
    add_hub("hub_user", users, &["true".to_owned()]);
    add_hub("hub_functionality", functionalities, &[]);
}

fn add_dim_user<'a>(
    tables: &mut Tables,
    events: &[Event<'a>],
    changes: &[Change<'a>],
) -> BTreeMap<&'a str, History> {
    let mut histories: BTreeMap<&str, History> = BTreeMap::new();
    for event in events {
        histories.entry(&event.said.user_id).or_default();
    }
    let mut by_time: Vec<&RowChange> = changes.iter().map(|change| change.said).collect();
    by_time.sort_by_key(|change| (change.committed_at, change.lsn));
    for (index, change) in by_time.iter().enumerate() {
        let history = histories.entry(&change.key).or_default();
        let is_same_instant = |other: &&&RowChange| {
            other.key == change.key && other.committed_at == change.committed_at
        };
        // The last change of an instant is the one that lasts.
        if by_time[index + 1..].iter().any(|other| is_same_instant(&other)) {
            continue;
        }
        let profile = profile(change);
        if history.last().is_none_or(|(_, last)| *last != profile) {
            history.push((change.committed_at, profile));
        }
    }
    let nobody = ("the unknown member", History::new());
    let members = histories.iter().map(|(user, history)| (*user, history));
    for (user, history) in members.chain([(nobody.0, &nobody.1)]) {
        let starts = history.iter().map(|(since, _)| since.0);
        let ends = starts.clone().chain([END_OF_TIME]);
        let profiles = [None].into_iter().chain(history.iter().map(|(_, profile)| Some(profile)));
        for ((start, end), profile) in
            [BEGINNING_OF_TIME].into_iter().chain(starts).zip(ends).zip(profiles)
        {
            let is_deleted = profile.is_some_and(Option::is_none);
            let mut row = vec![user.to_owned(), start.to_string(), end.to_string()];
            row.extend([profile.is_none().to_string(), is_deleted.to_string()]);
            row.extend(profile_cells(profile.and_then(Option::as_ref), "unknown"));
            add(tables, "dim_user", &row);
        }
    }
    histories
}

/// The user's row after the change.
fn user(change: &RowChange) -> Option<&UserRow> {
    assert_eq!(change.row.is_none(), change.operation == Operation::Delete);
    change.row.as_ref().and_then(Row::as_user)
}

fn profile(change: &RowChange) -> Profile {
    let row = user(change)?;
    let (country, plan) = (row.country_code.clone(), row.plan.clone());
    Some((row.signed_up_at.0, country, plan, row.marketing_opt_in))
}

fn profile_cells(profile: Option<&(i64, String, String, bool)>, no_plan: &str) -> Vec<String> {
    match profile {
        Some((signed_up_at, country, plan, opt_in)) => {
            vec![signed_up_at.to_string(), country.clone(), plan.clone(), opt_in.to_string()]
        }
        None => ["-", "-", no_plan, "-"].map(str::to_owned).to_vec(),
    }
}

fn contact(change: &RowChange) -> Vec<String> {
    let row = user(change);
    let email = row.map(|row| row.email.clone());
    let phone_number = row.and_then(|row| row.phone_number.clone());
    [email, phone_number].map(|cell| cell.unwrap_or_else(|| "-".to_owned())).to_vec()
}
