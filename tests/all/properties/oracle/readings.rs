//! How the warehouse's tables are read, to be compared with the oracle's.

use std::collections::BTreeMap;

use lakebed::{
    contract::{ColumnType, TableName},
    graph::Graph,
    sql::literal,
    verify::lake::Lake,
};
use sim::Source;

use super::{super::rows::cells, Tables};

/// Tables that are not compared, each with the reason.
pub const NOT_READ: [(&str, &str); 4] = [
    ("seed.functionalities", "a file of the project"),
    ("seed.countries", "a file of the project"),
    ("seed.exchange_rates", "a file of the project"),
    ("dimensional.dim_exchange_rate", "the seed day by day; revenue in euros depends on it"),
];

/// A line for each reading: the table, perhaps with a condition on its rows, and the columns.
const READINGS: &str = "
standardized.mobile_events: load_date, message_id, event_id, event_name, user_id, functionality, event_at
standardized.reconciliation: load_date, source, archived_count, accepted_count, rejected_count, duplicate_count, lost_count, repeated_count, invented_count
vault.nhl_mobile_event: load_date, event_id, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at, record_source
vault.nhl_rejection: load_date, message_id, source, reject_reason
vault.link_session_user_device: load_date, session_hk, user_hk, device_hk, record_source
vault.link_order_user: load_date, order_hk, user_hk, record_source
vault.link_order_product: load_date, order_hk, product_hk, line_number, record_source
vault.link_payment_order: load_date, payment_hk, order_hk, record_source
vault.link_subscription_user: load_date, subscription_hk, user_hk, record_source
vault.sat_user_profile: load_date, user_hk, effective_at, sequence, is_deleted, signed_up_at, country_code, plan, marketing_opt_in, record_source
vault.sat_user_contact: load_date, user_hk, effective_at, sequence, is_deleted, email, phone_number, record_source
vault.sat_device: load_date, device_hk, os, app_version, country_code, first_stated_at, last_stated_at, record_source
vault.sat_product: load_date, product_hk, effective_at, sequence, is_deleted, name, category, list_price_micros, is_active, record_source
vault.sat_order: load_date, order_hk, effective_at, sequence, is_deleted, user_hk, status, placed_at, country_code, currency_code, shipping_micros, discount_micros, record_source
vault.sat_order_line: load_date, order_hk, line_number, effective_at, sequence, is_deleted, product_hk, quantity, unit_price_micros, record_source
vault.sat_payment: load_date, payment_hk, effective_at, sequence, is_deleted, order_hk, user_hk, status, method, amount_micros, refunded_micros, currency_code, country_code, attempted_at, record_source
vault.sat_subscription: load_date, subscription_hk, effective_at, sequence, is_deleted, user_hk, plan, status, price_micros, currency_code, started_at, ended_at, record_source
dimensional.dim_date where is_final: max(calendar_date)
dimensional.dim_user: user_hk, valid_from, valid_to, hashdiff = 'inferred', is_deleted, signed_up_at, country_code, plan, marketing_opt_in
dimensional.dim_product: product_hk, valid_from, valid_to, hashdiff = 'inferred', is_deleted, name, category, list_price_micros, is_active
dimensional.dim_subscription: subscription_hk, valid_from, valid_to, hashdiff = 'inferred', is_deleted, user_hk, plan, status, price_micros, currency_code, started_at, ended_at
dimensional.dim_device: device_hk, device_id, os, app_version, country_code, first_stated_at, last_stated_at
dimensional.dim_functionality where is_inferred or area = 'unknown': functionality, is_inferred
dimensional.dim_country where is_inferred or region = 'unknown': country_code, is_inferred
dimensional.dim_app_version: app_version, first_seen_at
dimensional.fact_event: event_date, load_date, user_hk, functionality_hk, session_hk, device_hk, product_hk, event_name, event_at
dimensional.fact_rejection: rejection_date, load_date, source, reject_reason
dimensional.fact_session: session_date, session_hk, user_hk, session_id, started_at, ended_at, event_count, product_view_count, cart_addition_count, checkout_count, order_count, payment_count
dimensional.fact_user_day: activity_date, user_hk, event_count, session_count, first_event_at, last_event_at
dimensional.fact_order_line: order_hk, line_number, valid_from, valid_to, is_line_deleted, is_order_deleted, user_hk, product_hk, status, placed_at, country_code, currency_code, quantity, amount_micros, order_count, gross_micros, cancelled_micros, returned_micros, order_count_change, gross_change_micros, cancelled_change_micros, returned_change_micros
dimensional.fact_payment: payment_hk, valid_from, valid_to, is_deleted, order_hk, user_hk, status, method, attempted_at, country_code, currency_code, amount_micros, payment_count, failed_count, captured_micros, refunded_micros, payment_count_change, failed_count_change, captured_change_micros, refunded_change_micros
mart.daily_active_users: activity_date, active_users, active_users_7_days, active_users_28_days, new_users, returning_users, unknown_users, churned_users, event_count, is_final
mart.active_users_by_plan: activity_date, plan, active_users, event_count, is_final
mart.retention_cohorts: activity_date, cohort_date, days_since_sign_up, active_users, is_final
mart.funnel_by_functionality: session_date, functionality, step_number, session_count, user_count, previous_session_count, is_final
mart.revenue_daily: revenue_date, country_code, currency_code, order_count, gross_micros, cancelled_micros, returned_micros, net_micros, captured_micros, refunded_micros, gross_eur_micros, net_eur_micros, is_final
mart.app_quality where event_count > 0: activity_date, app_version, event_count, user_count, late_event_count, order_failed_count, payment_failed_count, is_final
mart.app_quality of rejections where rejected_count > 0 group by 1: activity_date, sum(rejected_count), sum(missing_key_count), sum(wrong_type_count), sum(unknown_event_count), sum(outside_of_time_count)
";

/// What of a table is compared.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is compared: the table, unless it is read in several ways.
    pub name: String,
    /// The table.
    pub table: TableName,
    columns: Vec<String>,
    rest: String,
}

/// Every reading.
pub fn readings() -> Vec<Reading> {
    let lines = READINGS.lines().filter(|line| !line.is_empty()).map(str::to_owned);
    let sources = Source::ALL.into_iter().flat_map(of_source);
    let hubs = HUBS.into_iter().map(|(hub, key)| {
        let columns = "first_seen_at, record_source, first_load_date";
        format!("vault.hub_{hub}: {key}, {columns}, {hub}_hk = udf.hash_key({key})")
    });
    lines.chain(sources).chain(hubs).map(|line| Reading::parse(&line)).collect()
}

/// The hubs, each with its business key.
const HUBS: [(&str, &str); 10] = [
    ("user", "user_id"),
    ("functionality", "functionality"),
    ("device", "device_id"),
    ("session", "session_id"),
    ("product", "product_id"),
    ("order", "order_id"),
    ("payment", "payment_id"),
    ("subscription", "subscription_id"),
    ("country", "country_code"),
    ("app_version", "app_version"),
];

/// The standardized tables of a source.
fn of_source(source: Source) -> Vec<String> {
    let name = format!("standardized.{}", source.name());
    let key = match source {
        Source::MobileEvents => None,
        Source::DbUsers => Some("user_id"),
        Source::DbProducts => Some("product_id"),
        Source::DbOrders => Some("order_id"),
        Source::DbOrderItems => Some("order_id || '/' || line_number"),
        Source::DbPayments => Some("payment_id"),
        Source::DbSubscriptions => Some("subscription_id"),
    };
    let accepted = key
        .map(|key| format!("{name}: load_date, message_id, {key}, operation, lsn, committed_at"));
    let others = [
        format!("{name}_checked: load_date, message_id, reject_reason"),
        format!("{name}_duplicates: load_date, message_id, earlier_message_id"),
        format!("{name}_rejected: load_date, message_id, reject_reason"),
    ];
    accepted.into_iter().chain(others).collect()
}

impl Reading {
    fn parse(line: &str) -> Self {
        let (head, columns) = line.split_once(": ").expect("a colon before the columns");
        let (name, rest) = head.split_once(" where ").unwrap_or((head, "true"));
        let table = name.split(' ').next().and_then(TableName::parse).expect("a table's name");
        let columns = columns.split(", ").map(str::to_owned).collect();
        Self { name: name.to_owned(), table, columns, rest: rest.to_owned() }
    }

    /// The query.
    fn sql(&self, graph: &Graph) -> String {
        let known = &graph.node(&self.table).file.contract.columns;
        let column = |column: &String| match known.get(column).map(|column| column.kind) {
            Some(ColumnType::Timestamp) => format!("unix_micros({column})"),
            _ => column.clone(),
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("select {} from {} where {}", columns.join(", "), self.table, self.rest)
    }

    /// The rows that a lake has, in order, with business keys in place of hash keys.
    pub fn rows(&self, lake: &Lake<'_>, keys: &BusinessKeys) -> Vec<String> {
        let mut session = lake.warehouse.session().expect("a session");
        let mut rows = cells(session.as_mut(), &self.sql(&lake.variant.graph));
        for row in &mut rows {
            for (column, cell) in self.columns.iter().zip(row.iter_mut()) {
                if let Some(hub) = column.strip_suffix("_hk") {
                    *cell = keys.key(hub, cell);
                }
            }
        }
        let mut rows: Vec<String> = rows.into_iter().map(|row| row.join("|")).collect();
        rows.sort();
        rows
    }
}

/// The business keys behind hash keys.
pub struct BusinessKeys(BTreeMap<(String, String), String>);

impl BusinessKeys {
    /// Those that the hubs must hold, under the hash keys that the lake's own function gives them.
    pub fn of(lake: &Lake<'_>, wanted: &Tables) -> Self {
        let of_hub = |(hub, _)| {
            let keys = wanted.keys_of(&format!("vault.hub_{hub}")).into_iter();
            keys.map(move |key| {
                let key = literal::text(&key);
                format!("select '{hub}', udf.hash_key({key}), {key}")
            })
        };
        let selects: Vec<String> = HUBS.into_iter().flat_map(of_hub).collect();
        if selects.is_empty() {
            return Self(BTreeMap::new());
        }
        let mut session = lake.warehouse.session().expect("a session");
        let rows = cells(session.as_mut(), &selects.join(" union all "));
        let entry = |row: Vec<String>| {
            let [hub, hash_key, key] = <[String; 3]>::try_from(row).expect("three columns");
            ((hub, hash_key), key)
        };
        Self(rows.into_iter().map(entry).collect())
    }

    /// The business key behind a hash key; NULL stays so.
    fn key(&self, hub: &str, hash_key: &str) -> String {
        if hash_key == "-" {
            return hash_key.to_owned();
        }
        if hash_key.bytes().all(|byte| byte == b'0') {
            return "(unknown)".to_owned();
        }
        let known = self.0.get(&(hub.to_owned(), hash_key.to_owned()));
        known.cloned().unwrap_or_else(|| format!("(not in the hub: {hash_key})"))
    }
}
