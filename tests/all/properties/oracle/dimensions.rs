//! The dimensions: those with history by one mechanism, the others from what the hubs were told.

use std::collections::BTreeMap;

use sim::{MicrosUtc, Row, Source};
use std::path::Path;

use super::super::project::project_files;
use super::{
    Tables, UNKNOWN,
    cells::{cells, said},
    histories::{BEGINNING_OF_TIME, Histories, versions},
    meanings::Meanings,
    vault::attributes,
};

/// The histories of all tables of the backend.
pub struct AllHistories<'a> {
    /// By source, for the keys that any source told of: of some the backend never spoke.
    pub by_source: BTreeMap<Source, Histories<'a>>,
}

/// Adds the tables.
pub fn add(tables: &mut Tables, meanings: &Meanings<'_>, histories: &AllHistories<'_>) {
    let tellers: [(&str, &str, Source, &[Source]); 3] = [
        (
            "dimensional.dim_user",
            "vault.hub_user",
            Source::DbUsers,
            &[
                Source::MobileEvents,
                Source::DbUsers,
                Source::DbOrders,
                Source::DbPayments,
                Source::DbSubscriptions,
            ],
        ),
        (
            "dimensional.dim_product",
            "vault.hub_product",
            Source::DbProducts,
            &[Source::MobileEvents, Source::DbProducts, Source::DbOrderItems],
        ),
        (
            "dimensional.dim_subscription",
            "vault.hub_subscription",
            Source::DbSubscriptions,
            &[Source::DbSubscriptions],
        ),
    ];
    for (table, hub, source, tellers) in tellers {
        add_versions(tables, table, hub, (source, tellers), meanings, histories);
    }
    add_devices(tables, meanings);
    for (table, hub, seed) in [
        ("dimensional.dim_functionality", "vault.hub_functionality", "functionalities"),
        ("dimensional.dim_country", "vault.hub_country", "countries"),
    ] {
        let known = seed_keys(seed);
        for named in tables.keys_of(hub) {
            if !known.contains(&named) {
                tables.add(table, cells![named, true]);
            }
        }
        tables.add(table, cells![UNKNOWN, false]);
    }
    let first_seen = tables.rows_of("vault.hub_app_version");
    for row in first_seen {
        tables.add("dimensional.dim_app_version", row[..2].to_vec());
    }
    tables.add("dimensional.dim_app_version", cells![UNKNOWN, None::<i64>]);
}

/// The keys of a seed: the first column of its file.
fn seed_keys(seed: &str) -> Vec<String> {
    let path = format!("layers/seed/{seed}.csv");
    let text = project_files().get(Path::new(&path)).expect("the seed has rows");
    let keys = text.lines().skip(1).filter_map(|line| line.split(',').next());
    keys.map(str::to_owned).collect()
}

/// Every key that a hub has, with its history, and the unknown member.
fn add_versions(
    tables: &mut Tables,
    table: &str,
    hub: &str,
    (source, tellers): (Source, &[Source]),
    meanings: &Meanings<'_>,
    histories: &AllHistories<'_>,
) {
    let histories = &histories.by_source[&source];
    let named: Vec<String> = tables.keys_of(hub);
    for key in named.iter().map(String::as_str) {
        let history = histories.get(key).map(Vec::as_slice).unwrap_or_default();
        for row in versions(key, history, |row| in_a_dimension(source, row)) {
            tables.add(table, row);
        }
    }
    // It comes with the first message of a source that tells of such keys.
    if meanings.messages.iter().any(|sent| tellers.contains(&sent.source)) {
        for row in versions("(unknown)", &[], |row| in_a_dimension(source, row)) {
            tables.add(table, row);
        }
    }
}

/// The attributes as dimensions have them: names and codes that are not said are `unknown`.
fn in_a_dimension(source: Source, row: Option<&Row>) -> Vec<String> {
    let mut cells = attributes(source, row);
    let (unknowns, unknown_key): (&[usize], _) = match source {
        Source::DbUsers => (&[2], None),
        Source::DbProducts => (&[0, 1], None),
        _ => (&[1, 2], Some(0)),
    };
    for index in unknowns {
        if cells[*index] == "-" {
            UNKNOWN.clone_into(&mut cells[*index]);
        }
    }
    if let Some(index) = unknown_key
        && cells[index] == "-"
    {
        "(unknown)".clone_into(&mut cells[index]);
    }
    cells
}

/// Each device as it last described itself, by valid events.
fn add_devices(tables: &mut Tables, meanings: &Meanings<'_>) {
    let mut events: BTreeMap<&str, Vec<(MicrosUtc, Vec<String>)>> = BTreeMap::new();
    for event in &meanings.events {
        let visit = &event.said.visit;
        let description = [&*visit.os, &visit.app_version, &visit.country_code];
        let description = description.map(|text| said(text).unwrap_or(UNKNOWN).to_owned()).to_vec();
        if let Some(device_id) = said(&visit.device_id) {
            events.entry(device_id).or_default().push((event.at, description));
        }
    }
    for (device_id, mut events) in events {
        events.sort();
        let (first, last) = (&events[0], &events[events.len() - 1]);
        let row = [cells![device_id, device_id], last.1.clone(), cells![first.0, last.0]];
        tables.add("dimensional.dim_device", row.concat());
    }
    if !meanings.messages.iter().any(|sent| sent.source == Source::MobileEvents) {
        return;
    }
    let of_nobody = [
        cells!["(unknown)", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN],
        cells![BEGINNING_OF_TIME, BEGINNING_OF_TIME],
    ];
    tables.add("dimensional.dim_device", of_nobody.concat());
}
