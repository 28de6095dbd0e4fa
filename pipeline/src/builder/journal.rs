//! What the warehouse remembers of its builds: append-only tables in the schema `lakebed`.
//!
//! A row is written in the transaction of the data that it speaks of. The last row of a partition
//! counts; a row with event `reset` ends what was known of a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::civil::Date;

use crate::{
    contract::{ColumnType, TableName},
    dialect::Dialect,
    digest::Digest,
    plan::{Content, Snapshot, Stamp, StampedCode, snapshot::Partition},
    port_error::PortError,
    recipe::{self, aside},
    sql::literal,
    warehouse::{ErrorKind, Session, Tables, Warehouse},
};

/// The table of claims: who reads the journal does without it.
const CLAIMS: (&str, &[(&str, ColumnType)]) = (
    "claims",
    &[
        ("epoch", ColumnType::Int64),
        ("run_id", ColumnType::String),
        ("claimed_at", ColumnType::Timestamp),
    ],
);

/// The journal's other tables.
const TABLES: [(&str, &[(&str, ColumnType)]); 5] = [
    (
        "builds",
        &[
            ("sequence", ColumnType::Int64),
            ("run_id", ColumnType::String),
            ("event", ColumnType::String),
            ("table_name", ColumnType::String),
            ("partition_date", ColumnType::Date),
            ("fingerprint", ColumnType::String),
            ("epoch", ColumnType::String),
            ("code", ColumnType::String),
            ("inputs", ColumnType::String),
            ("select_sha256", ColumnType::String),
            ("built_at", ColumnType::Timestamp),
        ],
    ),
    (
        "contents",
        &[
            ("sequence", ColumnType::Int64),
            ("table_name", ColumnType::String),
            ("partition_date", ColumnType::Date),
            ("hash_sum", ColumnType::String),
            ("row_count", ColumnType::Int64),
        ],
    ),
    (
        "occupied_dates",
        &[
            ("sequence", ColumnType::Int64),
            ("table_name", ColumnType::String),
            ("load_date", ColumnType::Date),
            ("from_date", ColumnType::Date),
            ("to_date", ColumnType::Date),
        ],
    ),
    (
        "raw_objects",
        &[
            ("sequence", ColumnType::Int64),
            ("run_id", ColumnType::String),
            ("event", ColumnType::String),
            ("object_key", ColumnType::String),
            ("size_bytes", ColumnType::Int64),
        ],
    ),
    (
        "settings",
        &[
            ("sequence", ColumnType::Int64),
            ("name", ColumnType::String),
            ("value", ColumnType::String),
        ],
    ),
];

/// The last row of each thing since the table's last reset.
const LAST: &str = "sequence > ifnull((select max(r.sequence) from lakebed.builds as r \
     where r.table_name = t.table_name and r.event = 'reset'), -1)";

/// The setting that says how contents were hashed, where their stamps do not say.
pub const HASH_VERSION: &str = "hash_version";

/// The statements that make the journal, if it is not there.
pub fn definitions(dialect: &dyn Dialect) -> Vec<String> {
    let table = |(table, columns): &(&str, &[(&str, ColumnType)])| {
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, kind)| format!("{name} {}", dialect.type_name(*kind)))
            .collect();
        format!("create table if not exists lakebed.{table} ({})", columns.join(", "))
    };
    let schema = "create schema if not exists lakebed".to_owned();
    std::iter::once(schema).chain(TABLES.iter().chain([&CLAIMS]).map(table)).collect()
}

/// The statement that remembers how contents are hashed from the first build on. Another version later
/// is a reason to build again, which the planner gives.
pub fn first_hash_version(dialect: &dyn Dialect) -> String {
    let (name, version) = (literal::text(HASH_VERSION), literal::text(&dialect.hash_version()));
    format!(
        "insert into lakebed.settings select 0, {name}, {version} from (select 1 as one) \
         where not exists (select 1 from lakebed.settings where name = {name})"
    )
}

/// Whether it is there, to be read.
pub fn exists(warehouse: &dyn Warehouse) -> Result<bool, PortError> {
    Ok(is_among(&warehouse.tables()?))
}

/// Whether it is among these tables, to be read.
fn is_among(tables: &Tables) -> bool {
    TABLES.iter().all(|(table, _)| tables.contains_key(&format!("lakebed.{table}")))
}

/// Whether it is among these tables, to be written.
pub fn is_writable_among(tables: &Tables) -> bool {
    is_among(tables) && tables.contains_key(recipe::CLAIMS)
}

/// Puts the tables in place that builds had made aside when they were cut short, if they had been committed;
/// takes them away if not.
pub fn finish_asides(
    session: &mut dyn Session,
    dialect: &dyn Dialect,
    tables: &Tables,
) -> Result<(), PortError> {
    let parsed = |name: &String| aside::parse(name).map(|(table, sequence)| (sequence, table));
    let mut asides: Vec<_> = tables.keys().filter_map(|name| Some((parsed(name)?, name))).collect();
    asides.sort();
    for ((sequence, table), aside) in asides {
        let name = literal::text(table.as_str());
        let committed = session.query(&format!(
            "select count(*) from lakebed.builds \
             where event = 'reset' and table_name = {name} and sequence = {sequence}"
        ))?;
        let statements = match committed.count()? {
            0 => vec![aside::drop(aside)],
            _ => aside::put_in_place(dialect, &table, aside).into(),
        };
        session.execute_all(&statements)?;
    }
    Ok(())
}

/// The tables that it has ever told of.
pub fn tables(session: &mut dyn Session) -> Result<BTreeSet<TableName>, PortError> {
    let rows = session.query("select distinct table_name from lakebed.builds")?.text_rows()?;
    Ok(rows.into_iter().flatten().flatten().filter_map(|name| TableName::parse(&name)).collect())
}

/// Reads stamps, contents and occupied dates, and the next sequence number.
pub fn load(session: &mut dyn Session) -> Result<(Snapshot, i64), PortError> {
    let mut snapshot = Snapshot::default();
    load_stamps(session, &mut snapshot)?;
    load_contents(session, &mut snapshot)?;
    load_occupied(session, &mut snapshot)?;
    let settings = settings(session)?;
    snapshot.generation = settings.get("generation").and_then(|v| v.parse().ok()).unwrap_or(0);
    snapshot.hashes.recorded = settings.get(HASH_VERSION).cloned().unwrap_or_default();
    let next = session.query(
        "select ifnull(max(sequence), 0) + 1 from (select sequence from lakebed.builds \
         union all select sequence from lakebed.contents union all select sequence from lakebed.occupied_dates \
         union all select sequence from lakebed.raw_objects union all select sequence from lakebed.settings)",
    )?;
    Ok((snapshot, next.count()?))
}

/// The settings by name.
pub fn settings(session: &mut dyn Session) -> Result<BTreeMap<String, String>, PortError> {
    let rows = session
        .query(
            "select name, value from lakebed.settings where true \
             qualify row_number() over (partition by name order by sequence desc) = 1",
        )?
        .text_rows()?;
    Ok(rows.into_iter().filter_map(|row| Some((row[0].clone()?, row[1].clone()?))).collect())
}

/// The statement that remembers a setting.
pub fn setting(sequence: i64, name: &str, value: &str) -> String {
    let (name, value) = (literal::text(name), literal::text(value));
    format!("insert into lakebed.settings values ({sequence}, {name}, {value})")
}

/// The raw objects that builds have read, with their sizes in bytes.
pub fn raw_objects(session: &mut dyn Session) -> Result<BTreeMap<String, u64>, PortError> {
    let rows = session
        .query(
            "select object_key, event, size_bytes from lakebed.raw_objects where true \
             qualify row_number() over (partition by object_key order by sequence desc) = 1",
        )?
        .text_rows()?;
    let pinned = rows.into_iter().filter(|row| row[1].as_deref() == Some("pinned"));
    Ok(pinned.filter_map(|row| Some((row[0].clone()?, row[2].as_ref()?.parse().ok()?))).collect())
}

/// The statements that remember objects that are read from now on, and objects that are gone.
pub fn raw_object_rows(
    sequence: i64,
    run_id: &str,
    pinned: &BTreeMap<String, u64>,
    removed: &BTreeSet<String>,
) -> Vec<String> {
    let row = |event: &str, key: &str, size: u64| {
        format!(
            "({sequence}, {}, '{event}', {}, {size})",
            literal::text(run_id),
            literal::text(key)
        )
    };
    let rows: Vec<String> = pinned
        .iter()
        .map(|(key, size)| row("pinned", key, *size))
        .chain(removed.iter().map(|key| row("removed", key, 0)))
        .collect();
    recipe::inserts("lakebed.raw_objects", &rows)
}

fn load_stamps(session: &mut dyn Session, snapshot: &mut Snapshot) -> Result<(), PortError> {
    let rows = session
        .query(&format!(
            "select table_name, partition_date, fingerprint, epoch, code, inputs \
             from lakebed.builds as t where event = 'built' and {LAST} \
             qualify row_number() over (partition by table_name, partition_date order by sequence desc) = 1"
        ))?
        .text_rows()?;
    // Builds share their code, and there are many of them.
    let mut codes: BTreeMap<String, Arc<StampedCode>> = BTreeMap::new();
    for mut row in rows {
        let digest = |text: &Option<String>| text.as_deref().and_then(Digest::parse);
        let (fingerprint, epoch) = (digest(&row[2]), digest(&row[3]));
        let code = row[4].take().unwrap_or_default();
        let code = if let Some(known) = codes.get(&code) {
            Arc::clone(known)
        } else {
            let parsed = serde_json::from_str(&code).map_err(|_| damaged("lakebed.builds"))?;
            Arc::clone(codes.entry(code).or_insert(Arc::new(parsed)))
        };
        let inputs = row[5].take().unwrap_or_default().into();
        let stamp = Stamp { fingerprint, epoch, code, inputs };
        let (table, partition) = key(&row)?;
        snapshot.stamps.entry(table).or_default().insert(partition, stamp);
    }
    Ok(())
}

fn load_contents(session: &mut dyn Session, snapshot: &mut Snapshot) -> Result<(), PortError> {
    let rows = session
        .query(&format!(
            "select table_name, partition_date, hash_sum, row_count \
             from lakebed.contents as t where {LAST} \
             qualify row_number() over (partition by table_name, partition_date order by sequence desc) = 1"
        ))?
        .text_rows()?;
    for row in rows {
        let (table, partition) = key(&row)?;
        let hash_sum = row[2].as_ref().and_then(|text| text.parse().ok());
        let row_count = row[3].as_ref().and_then(|text| text.parse().ok());
        let (Some(hash_sum), Some(row_count)) = (hash_sum, row_count) else {
            return Err(damaged("lakebed.contents"));
        };
        snapshot.set_content(&table, partition, Content { hash_sum, row_count });
    }
    Ok(())
}

fn load_occupied(session: &mut dyn Session, snapshot: &mut Snapshot) -> Result<(), PortError> {
    let rows = session
        .query(&format!(
            "select table_name, load_date, from_date, to_date \
             from lakebed.occupied_dates as t where {LAST} \
             qualify row_number() over (partition by table_name, load_date order by sequence desc) = 1"
        ))?
        .text_rows()?;
    for row in rows {
        let (table, load_date) = key(&row)?;
        let date = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<Date>().ok());
        let (Some(load_date), Some(from), Some(to)) = (load_date, date(&row[2]), date(&row[3]))
        else {
            return Err(damaged("lakebed.occupied_dates"));
        };
        snapshot.occupied.entry(table).or_default().insert(load_date, (from, to));
    }
    Ok(())
}

fn key(row: &[Option<String>]) -> Result<(TableName, Partition), PortError> {
    let table = row[0].as_deref().and_then(TableName::parse).ok_or_else(|| damaged("lakebed"))?;
    let partition = match &row[1] {
        None => None,
        Some(text) => Some(text.parse::<Date>().map_err(|_| damaged("lakebed"))?),
    };
    Ok((table, partition))
}

fn damaged(table: &str) -> PortError {
    PortError::new(
        ErrorKind::FixInput,
        format!(
            "the journal `{table}` is damaged: move the warehouse away and build again; raw has everything"
        ),
    )
}
