//! The vault: hubs by one mechanism, links as sets of keys, satellites as sets of states.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sim::{MicrosUtc, MobileEvent, Row, Source};

use super::{
    Tables,
    cells::{amount, cells, said},
    key_or_unknown,
    meanings::{Change, Meanings},
};

/// Adds the tables.
pub fn add(tables: &mut Tables, meanings: &Meanings<'_>) {
    add_hubs(tables, meanings);
    add_links(tables, meanings);
    add_devices(tables, meanings);
    for change in &meanings.accepted_changes {
        for (satellite, key, attributes) in satellites(change) {
            let (sent, said) = (change.sent, change.said);
            let is_deleted = said.row.is_none();
            let head = [cells![sent.load_date()], key, cells![said.committed_at, said.lsn]];
            let tail = [cells![is_deleted], attributes, cells![said.source.name()]];
            // A set: what another message of the load date said as well is there once.
            tables.add_once(satellite, [head.concat(), tail.concat()].concat());
        }
    }
    for event in &meanings.accepted_events {
        let (sent, said) = (event.sent, event.said);
        let keys = [said.visit.session_id.as_str(), &said.visit.device_id]
            .into_iter()
            .chain([said.product_id.as_deref().unwrap_or_default()])
            .map(key_or_unknown);
        let head = cells![sent.load_date(), said.event_id, said.user_id, said.functionality];
        let tail = cells![said.event.name(), event.at, event.record_source()];
        tables.add("vault.nhl_mobile_event", [head, keys.collect(), tail].concat());
    }
    for (sent, reason) in &meanings.rejected {
        let row = cells![sent.load_date(), sent.message_id, sent.source.name(), reason];
        tables.add("vault.nhl_rejection", row);
    }
}

/// What was told of a key: when it was seen, by whom, and on which load date.
type Told = (MicrosUtc, String, Date);

#[derive(Default)]
struct Hubs<'a>(BTreeMap<(&'static str, &'a str), Vec<Told>>);

impl<'a> Hubs<'a> {
    /// A key that is not said tells nothing.
    fn tell(&mut self, hub: &'static str, key: &'a str, told: &Told) {
        if !key.is_empty() {
            self.0.entry((hub, key)).or_default().push(told.clone());
        }
    }
}

/// The keys that an event tells of, each with its hub.
fn keys_of_event(said: &MobileEvent) -> [(&'static str, &str); 7] {
    let visit = &said.visit;
    [
        ("vault.hub_user", &said.user_id),
        ("vault.hub_functionality", &said.functionality),
        ("vault.hub_device", &visit.device_id),
        ("vault.hub_session", &visit.session_id),
        ("vault.hub_app_version", &visit.app_version),
        ("vault.hub_country", &visit.country_code),
        ("vault.hub_product", said.product_id.as_deref().unwrap_or_default()),
    ]
}

/// The keys that a row tells of besides its own.
fn keys_of_row(row: &Row) -> Vec<(&'static str, &str)> {
    match row {
        Row::User(row) => vec![("vault.hub_country", &row.country_code)],
        Row::Product(_) => vec![],
        Row::Order(row) => {
            vec![("vault.hub_user", &row.user_id), ("vault.hub_country", &row.country_code)]
        }
        Row::OrderItem(row) => vec![("vault.hub_product", &row.product_id)],
        Row::Payment(row) => vec![
            ("vault.hub_user", &row.user_id),
            ("vault.hub_order", &row.order_id),
            ("vault.hub_country", &row.country_code),
        ],
        Row::Subscription(row) => vec![("vault.hub_user", &row.user_id)],
    }
}

fn own_key<'a>(change: &Change<'a>) -> (&'static str, &'a str) {
    let key = change.said.key.as_str();
    match change.said.source {
        Source::MobileEvents | Source::DbUsers => ("vault.hub_user", key),
        Source::DbProducts => ("vault.hub_product", key),
        Source::DbOrders => ("vault.hub_order", key),
        Source::DbOrderItems => ("vault.hub_order", line_key(key).0),
        Source::DbPayments => ("vault.hub_payment", key),
        Source::DbSubscriptions => ("vault.hub_subscription", key),
    }
}

/// The order and the number of a line.
fn line_key(key: &str) -> (&str, &str) {
    key.rsplit_once('/').expect("a line's key has two parts")
}

fn add_hubs(tables: &mut Tables, meanings: &Meanings<'_>) {
    let mut hubs = Hubs::default();
    for event in &meanings.events {
        let told = (event.at, event.record_source(), event.sent.load_date());
        for (hub, key) in keys_of_event(event.said) {
            hubs.tell(hub, key, &told);
        }
    }
    for change in &meanings.changes {
        let (sent, said) = (change.sent, change.said);
        let told = (said.committed_at, said.source.name().to_owned(), sent.load_date());
        let others = said.row.as_ref().map(keys_of_row).unwrap_or_default();
        for (hub, key) in others.into_iter().chain([own_key(change)]) {
            hubs.tell(hub, key, &told);
        }
    }
    for ((hub, key), told) in hubs.0 {
        let (seen_at, record_source, _) = told.iter().min().expect("a key is told of");
        let load_date = told.iter().map(|(.., load_date)| load_date).min().expect("as above");
        tables.add(hub, cells![key, seen_at, record_source, load_date, true]);
    }
}

fn add_links(tables: &mut Tables, meanings: &Meanings<'_>) {
    for event in &meanings.accepted_events {
        let (load_date, visit) = (event.sent.load_date(), &event.said.visit);
        if let Some(session_id) = said(&visit.session_id) {
            let device = key_or_unknown(&visit.device_id);
            let row = cells![load_date, session_id, event.said.user_id, device, "mobile_events"];
            tables.add_once("vault.link_session_user_device", row);
        }
    }
    for Change { sent, said: change } in &meanings.accepted_changes {
        let key = change.key.as_str();
        let link =
            match &change.row {
                Some(Row::Order(row)) => {
                    said(&row.user_id).map(|user| ("vault.link_order_user", cells![key, user]))
                }
                Some(Row::OrderItem(row)) => said(&row.product_id).map(|product| {
                    let (order, line_number) = line_key(key);
                    ("vault.link_order_product", cells![order, product, line_number])
                }),
                Some(Row::Payment(row)) => said(&row.order_id)
                    .map(|order| ("vault.link_payment_order", cells![key, order])),
                Some(Row::Subscription(row)) => said(&row.user_id)
                    .map(|user| ("vault.link_subscription_user", cells![key, user])),
                _ => None,
            };
        if let Some((link, keys)) = link {
            let row = [cells![sent.load_date()], keys, cells![change.source.name()]];
            tables.add_once(link, row.concat());
        }
    }
}

/// Per load date, device and state: the first and the last time that a valid event stated it.
fn add_devices(tables: &mut Tables, meanings: &Meanings<'_>) {
    let mut stated: BTreeMap<(Date, &str, Vec<String>), BTreeSet<MicrosUtc>> = BTreeMap::new();
    for event in &meanings.events {
        let visit = &event.said.visit;
        if let Some(device_id) = said(&visit.device_id) {
            let texts = [&*visit.os, &visit.app_version, &visit.country_code];
            let state = texts.map(|text| cells![said(text)]).concat();
            let key = (event.sent.load_date(), device_id, state);
            stated.entry(key).or_default().insert(event.at);
        }
    }
    for ((load_date, device_id, state), times) in stated {
        let times = cells![times.first(), times.last(), "mobile_events"];
        let row = [cells![load_date, device_id], state, times].concat();
        tables.add("vault.sat_device", row);
    }
}

/// The satellites of a change: their names, the key, and the attributes.
fn satellites(change: &Change<'_>) -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let key = change.said.key.as_str();
    let row = change.said.row.as_ref();
    match change.said.source {
        Source::MobileEvents => Vec::new(),
        Source::DbUsers => {
            let user = row.and_then(Row::as_user);
            let contact = cells![
                user.map(|user| user.email.as_str()),
                user.and_then(|user| user.phone_number.as_deref()),
            ];
            vec![
                ("vault.sat_user_profile", cells![key], attributes(Source::DbUsers, row)),
                ("vault.sat_user_contact", cells![key], contact),
            ]
        }
        Source::DbOrderItems => {
            let (order, line_number) = line_key(key);
            let attributes = attributes(Source::DbOrderItems, row);
            vec![("vault.sat_order_line", cells![order, line_number], attributes)]
        }
        source => {
            let satellite = match source {
                Source::DbProducts => "vault.sat_product",
                Source::DbOrders => "vault.sat_order",
                Source::DbPayments => "vault.sat_payment",
                _ => "vault.sat_subscription",
            };
            vec![(satellite, cells![key], attributes(source, row))]
        }
    }
}

/// What a row says besides its key, as the vault holds it; of no row, nothing.
pub fn attributes(source: Source, row: Option<&Row>) -> Vec<String> {
    let Some(row) = row else {
        let count = match source {
            Source::DbUsers | Source::DbProducts => 4,
            Source::DbOrderItems => 3,
            Source::DbPayments => 9,
            _ => 7,
        };
        return vec!["-".to_owned(); count];
    };
    match row {
        Row::User(row) => {
            cells![row.signed_up_at, said(&row.country_code), row.plan, row.marketing_opt_in]
        }
        Row::Product(row) => cells![
            said(&row.name),
            said(&row.category),
            amount(row.list_price_micros),
            row.is_active,
        ],
        Row::Order(row) => cells![
            key_or_unknown(&row.user_id),
            row.status,
            row.placed_at,
            said(&row.country_code),
            said(&row.currency_code),
            amount(row.shipping_micros),
            amount(row.discount_micros),
        ],
        Row::OrderItem(row) => cells![
            key_or_unknown(&row.product_id),
            amount(row.quantity),
            amount(row.unit_price_micros),
        ],
        Row::Payment(row) => cells![
            key_or_unknown(&row.order_id),
            key_or_unknown(&row.user_id),
            row.status,
            row.method,
            amount(row.amount_micros),
            amount(row.refunded_micros),
            said(&row.currency_code),
            said(&row.country_code),
            row.attempted_at,
        ],
        Row::Subscription(row) => cells![
            key_or_unknown(&row.user_id),
            row.plan,
            row.status,
            amount(row.price_micros),
            said(&row.currency_code),
            row.started_at,
            row.ended_at,
        ],
    }
}
