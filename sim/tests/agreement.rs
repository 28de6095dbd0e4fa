//! What the app says and what the backend's tables hold must agree, when nothing goes wrong on the
//! way: orders, payments, products, plans and subscriptions.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use serde_json::Value;
use sim::{
    Meaning, MicrosUtc, Operation, OrderItemRow, OrderRow, PaymentRow, Row, RowChange, SHARD_COUNT,
    Scenario, Simulation, Source,
};
use std::collections::{BTreeMap, BTreeSet};

const TINY: &str = include_str!("../../scenarios/tiny.toml");

/// A change with what else its payload says.
#[derive(Clone, Debug)]
struct Commit {
    change: RowChange,
    transaction_id: String,
    before: Value,
    after: Value,
}

/// What happened in a world without faults: events by session in their order, and changes by
/// their sequence numbers.
struct World {
    sessions: BTreeMap<String, Vec<Value>>,
    commits: Vec<Commit>,
    /// From then on something may be missing, because it has not arrived.
    end_at: MicrosUtc,
}

fn world() -> World {
    let settings = TINY.split("[[faults]]").next().unwrap();
    let settings =
        settings.replace("one_in = 3_000_000", "one_in = 400_000").replace("days = 3", "days = 8");
    let simulation = Simulation::new(Scenario::from_toml("tiny", &settings).unwrap());
    let mut sessions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut commits = Vec::new();
    let arrivals: Vec<_> = simulation
        .load_dates()
        .flat_map(|date| {
            let day = simulation.day(date).with_meanings();
            (0..SHARD_COUNT).flat_map(|shard| day.shard(shard)).collect::<Vec<_>>()
        })
        .collect();
    for message in arrivals.iter().flat_map(|arrival| arrival.messages.iter()) {
        let payload: Value = serde_json::from_slice(message.payload).unwrap();
        match message.meaning.clone() {
            Meaning::MobileEvent(event) => {
                sessions.entry(event.visit.session_id.clone()).or_default().push(payload);
            }
            Meaning::RowChange(change) => {
                let transaction_id = payload["transaction_id"].as_str().unwrap().to_owned();
                let (before, after) = (payload["before"].clone(), payload["after"].clone());
                commits.push(Commit { change, transaction_id, before, after });
            }
            Meaning::Invalid(reason) => panic!("{reason:?} without faults"),
        }
    }
    for events in sessions.values_mut() {
        events.sort_by_key(|event| event["sequence"].as_i64());
    }
    commits.sort_by_key(|commit| (commit.change.lsn, commit.change.key.clone()));
    let last_day = simulation.load_dates().last().unwrap();
    let end_at = last_day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    World { sessions, commits, end_at: MicrosUtc(end_at.as_microsecond()) }
}

impl World {
    fn changes(&self, source: Source) -> impl Iterator<Item = &RowChange> {
        self.commits.iter().map(|commit| &commit.change).filter(move |c| c.source == source)
    }

    /// Events of one name that belong to an order, by the order.
    fn events_of_orders(&self, event_name: &str) -> BTreeMap<String, Vec<&Value>> {
        let mut events: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for event in self.sessions.values().flatten() {
            if event["event_name"] == event_name {
                let order_id = event["properties"]["order_id"].as_str().unwrap().to_owned();
                events.entry(order_id).or_default().push(event);
            }
        }
        events
    }

    fn inserted_orders(&self) -> BTreeMap<&str, (&RowChange, &OrderRow)> {
        let inserts =
            self.changes(Source::DbOrders).filter(|change| change.operation == Operation::Insert);
        inserts.map(|change| (change.key.as_str(), (change, order(change).unwrap()))).collect()
    }

    /// The lines that came with the order, in the order of their numbers.
    fn inserted_lines(&self, order_id: &str) -> Vec<(&Commit, &OrderItemRow)> {
        let commits = self.commits.iter();
        let inserts = commits.filter(|commit| commit.change.operation == Operation::Insert);
        let lines = inserts.filter_map(|commit| Some((commit, item(&commit.change)?)));
        lines.filter(|(_, row)| row.order_id == order_id).collect()
    }
}

fn order(change: &RowChange) -> Option<&OrderRow> {
    match &change.row {
        Some(Row::Order(row)) => Some(row),
        _ => None,
    }
}

fn item(change: &RowChange) -> Option<&OrderItemRow> {
    match &change.row {
        Some(Row::OrderItem(row)) => Some(row),
        _ => None,
    }
}

fn payment(change: &RowChange) -> Option<&PaymentRow> {
    match &change.row {
        Some(Row::Payment(row)) => Some(row),
        _ => None,
    }
}

fn occurred_at(event: &Value) -> MicrosUtc {
    let timestamp: jiff::Timestamp = event["occurred_at"].as_str().unwrap().parse().unwrap();
    MicrosUtc(timestamp.as_microsecond())
}

/// What is in the cart at the end of those events.
fn cart(events: &[Value]) -> BTreeMap<String, i64> {
    let mut cart: BTreeMap<String, i64> = BTreeMap::new();
    for event in events {
        let properties = &event["properties"];
        let product_id = properties["product_id"].as_str().unwrap_or_default().to_owned();
        match event["event_name"].as_str().unwrap() {
            "cart_item_added" => {
                *cart.entry(product_id).or_default() += properties["quantity"].as_i64().unwrap();
            }
            "cart_item_removed" => {
                let removed = cart.remove(&product_id);
                assert_eq!(removed, properties["quantity"].as_i64(), "{event}");
            }
            _ => {}
        }
    }
    cart
}

#[test]
fn every_change_begins_where_the_one_before_it_ended() {
    let world = world();
    let mut rows: BTreeMap<(Source, &str), &Value> = BTreeMap::new();
    let mut last_of_transaction: BTreeMap<&str, (MicrosUtc, i64)> = BTreeMap::new();
    for Commit { change, transaction_id, before, after } in &world.commits {
        let known = rows.insert((change.source, &change.key), after).unwrap_or(&Value::Null);
        let expected = match change.operation {
            Operation::Snapshot | Operation::Insert => [true, true, false],
            Operation::Update => [false, false, false],
            Operation::Delete => [false, false, true],
        };
        assert_eq!([known, before, after].map(Value::is_null), expected, "{change:?}");
        assert_eq!(known, before, "{change:?}");
        let place = (change.committed_at, change.lsn);
        if let Some(last) = last_of_transaction.insert(transaction_id, place) {
            assert_eq!(last.0, change.committed_at, "{change:?}");
            assert!(last.1 < change.lsn, "{change:?}");
        }
    }
}

#[test]
fn an_order_in_the_app_is_an_order_in_the_backend() {
    let world = world();
    let orders = world.inserted_orders();
    let mut placed = BTreeSet::new();
    for events in world.sessions.values() {
        let Some(index) = events.iter().position(|event| event["event_name"] == "order_placed")
        else {
            continue;
        };
        let event = &events[index];
        let properties = &event["properties"];
        let order_id = properties["order_id"].as_str().unwrap();
        if occurred_at(event) >= world.end_at {
            continue;
        }
        assert!(placed.insert(order_id), "placed twice: {event}");
        let (change, row) = orders[order_id];
        let to_the_phone = occurred_at(event).0 - change.committed_at.0;
        assert!((1..1_000_000).contains(&to_the_phone), "{to_the_phone}");
        assert_eq!((row.status.as_str(), row.placed_at), ("placed", change.committed_at));
        assert_eq!(event["user_id"], row.user_id.as_str());
        assert_eq!(event["country_code"], row.country_code.as_str());
        assert_eq!(properties["currency_code"], row.currency_code.as_str());
        let lines = world.inserted_lines(order_id);
        let sum: i64 = lines.iter().map(|(_, line)| line.quantity * line.unit_price_micros).sum();
        let amount = sum + row.shipping_micros - row.discount_micros;
        assert_eq!(properties["amount_micros"].as_i64(), Some(amount), "{event}");
        let ordered: BTreeMap<String, i64> =
            lines.iter().map(|(_, line)| (line.product_id.clone(), line.quantity)).collect();
        assert_eq!(cart(&events[..index]), ordered);
        for ((commit, line), number) in lines.into_iter().zip(1..) {
            assert_eq!(line.line_number, number);
            assert_eq!(commit.change.committed_at, change.committed_at);
            assert!(commit.change.lsn > change.lsn, "a line came before its order");
        }
    }
    let committed = orders.values().filter(|(change, _)| change.committed_at < world.end_at);
    let unknown: Vec<_> =
        committed.filter(|(_, row)| !placed.contains(row.order_id.as_str())).collect();
    // The last orders before midnight may have been told after it.
    assert!(unknown.len() < 2, "orders that no phone knows: {unknown:?}");
    assert!(placed.len() > 100, "{}", placed.len());
}

#[test]
fn payments_in_the_app_are_payments_in_the_backend() {
    let world = world();
    let (submitted, failed) =
        (world.events_of_orders("payment_submitted"), world.events_of_orders("payment_failed"));
    let mut rows: BTreeMap<&str, BTreeMap<&str, Vec<&PaymentRow>>> = BTreeMap::new();
    for row in world.changes(Source::DbPayments).filter_map(payment) {
        rows.entry(&row.order_id).or_default().entry(&row.payment_id).or_default().push(row);
    }
    let orders = world.inserted_orders();
    let in_time = orders
        .values()
        .filter(|(change, _)| change.committed_at.0 < world.end_at.0 - 3_600_000_000);
    let mut statuses = BTreeMap::new();
    for (_, order) in in_time {
        let of_order = rows.remove(order.order_id.as_str()).unwrap_or_default();
        let count = |events: &BTreeMap<String, Vec<&Value>>| {
            events.get(&order.order_id).map_or(0, Vec::len)
        };
        assert_eq!(count(&submitted), of_order.len(), "{order:?}");
        let failures = of_order.values().filter(|states| states.last().unwrap().status == "failed");
        assert_eq!(count(&failed), failures.count(), "{order:?}");
        for states in of_order.values() {
            let path: Vec<&str> = states.iter().map(|row| row.status.as_str()).collect();
            let events = &submitted[&order.order_id];
            for row in states {
                assert_eq!(
                    (&row.user_id, &row.currency_code),
                    (&order.user_id, &order.currency_code)
                );
                assert!(row.refunded_micros <= row.amount_micros, "{row:?}");
                assert!(row.refunded_micros == 0 || row.status == "refunded", "{row:?}");
                let is_event = |event: &&Value| {
                    event["properties"]["amount_micros"].as_i64() == Some(row.amount_micros)
                        && occurred_at(event) == row.attempted_at
                };
                assert!(events.iter().any(is_event), "{row:?}");
            }
            *statuses.entry(path.join(" ")).or_insert(0) += 1;
        }
    }
    for path in ["pending failed", "pending captured", "pending captured refunded"] {
        assert!(statuses[path] > 2, "{statuses:?}");
    }
    assert!(statuses.keys().all(|path| path.starts_with("pending")), "{statuses:?}");
}

#[test]
fn orders_go_the_way_of_orders() {
    let world = world();
    let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in world.changes(Source::DbOrders) {
        let status = order(change).map_or("erased", |row| row.status.as_str());
        paths.entry(&change.key).or_default().push(status);
    }
    let whole = "placed paid shipped delivered returned";
    let ends = ["placed cancelled", "placed paid cancelled", "placed cancelled erased"];
    let mut seen = BTreeSet::new();
    for path in paths.values() {
        let path = path.join(" ");
        let is_known = std::iter::once(&whole).chain(&ends).any(|known| known.contains(&path));
        assert!(is_known, "{path}");
        seen.insert(path);
    }
    assert!(std::iter::once(&whole).chain(&ends).all(|path| seen.contains(*path)), "{seen:?}");
    let edits = world.changes(Source::DbOrderItems).filter(|c| c.operation != Operation::Insert);
    let edits: BTreeSet<_> = edits.map(|change| change.operation).collect();
    assert_eq!(edits.len(), 3, "snapshots, updates and deletions: {edits:?}");
}

/// The app says so when an order fails; nothing of it is in the change stream.
#[test]
fn rolled_back_orders_leave_nothing_behind() {
    let world = world();
    let (mut given_up, mut tried_again) = (0, 0);
    for events in world.sessions.values() {
        let names: Vec<&str> = events.iter().map(|e| e["event_name"].as_str().unwrap()).collect();
        let Some(failed) = names.iter().position(|name| *name == "order_failed") else { continue };
        assert_eq!(names[failed - 1], "checkout_started");
        assert_eq!(events[failed]["functionality"], "checkout");
        match names.iter().filter(|name| **name == "order_placed").count() {
            0 => given_up += 1,
            1 => tried_again += 1,
            more => panic!("{more} orders in a session"),
        }
    }
    assert!(given_up > 5 && tried_again > 5, "{given_up} {tried_again}");
}

#[test]
fn a_plan_is_an_active_subscription_at_every_commit() {
    let world = world();
    let mut plans: BTreeMap<String, String> = BTreeMap::new();
    let mut subscriptions: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut user_of_subscription: BTreeMap<String, String> = BTreeMap::new();
    let mut kinds: BTreeMap<Operation, u32> = BTreeMap::new();
    let of_accounts = |commit: &&Commit| {
        [Source::DbUsers, Source::DbSubscriptions].contains(&commit.change.source)
    };
    let commits: Vec<&Commit> = world.commits.iter().filter(of_accounts).collect();
    for (index, commit) in commits.iter().enumerate() {
        let change = &commit.change;
        let user_id = match &change.row {
            Some(Row::User(row)) => {
                plans.insert(row.user_id.clone(), row.plan.clone());
                row.user_id.clone()
            }
            Some(Row::Subscription(row)) => {
                let active = subscriptions.entry(row.user_id.clone()).or_default();
                if row.status == "active" {
                    assert_eq!(row.ended_at, None);
                    active.insert(change.key.clone(), row.plan.clone());
                } else {
                    assert_eq!(row.ended_at, Some(change.committed_at));
                    active.remove(&change.key);
                }
                user_of_subscription.insert(change.key.clone(), row.user_id.clone());
                row.user_id.clone()
            }
            None if change.source == Source::DbUsers => {
                plans.remove(&change.key);
                change.key.clone()
            }
            _ => {
                let user_id = user_of_subscription[&change.key].clone();
                subscriptions.entry(user_id.clone()).or_default().remove(&change.key);
                user_id
            }
        };
        if change.source == Source::DbSubscriptions {
            *kinds.entry(change.operation).or_default() += 1;
        }
        let ends_transaction =
            commits.get(index + 1).is_none_or(|next| next.transaction_id != commit.transaction_id);
        if ends_transaction {
            let paid = plans.get(&user_id).filter(|plan| *plan != "free");
            let active: Vec<&String> =
                subscriptions.get(&user_id).into_iter().flat_map(BTreeMap::values).collect();
            assert_eq!(active, paid.into_iter().collect::<Vec<_>>(), "{change:?}");
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

/// In the United States things cost what the list says, at the time of the order.
#[test]
fn prices_of_lines_follow_the_list() {
    let world = world();
    let mut prices: BTreeMap<&str, Vec<(MicrosUtc, i64)>> = BTreeMap::new();
    for change in world.changes(Source::DbProducts) {
        if let Some(Row::Product(row)) = &change.row {
            let versions = prices.entry(&change.key).or_default();
            versions.push((change.committed_at, row.list_price_micros));
        }
    }
    let mut not_the_first = 0;
    for (order_id, (change, row)) in world.inserted_orders() {
        for (_, line) in world.inserted_lines(order_id) {
            assert_eq!(line.unit_price_micros % 10_000, 0, "{line:?}");
            if row.country_code == "US" {
                let versions = &prices[line.product_id.as_str()];
                let mut until = versions.iter().filter(|(at, _)| *at <= change.committed_at);
                let price = until.next_back().unwrap().1;
                assert_eq!(line.unit_price_micros, price, "{line:?}");
                not_the_first += usize::from(price != versions[0].1);
            }
        }
    }
    assert!(not_the_first > 3, "{not_the_first}");
}

#[test]
fn what_is_seen_and_ordered_is_to_be_had() {
    let world = world();
    let mut versions: BTreeMap<&str, Vec<(MicrosUtc, Option<bool>)>> = BTreeMap::new();
    for change in world.changes(Source::DbProducts) {
        let is_active = match &change.row {
            Some(Row::Product(row)) => Some(row.is_active),
            _ => None,
        };
        versions.entry(&change.key).or_default().push((change.committed_at, is_active));
    }
    let mut seen = 0;
    for event in world.sessions.values().flatten() {
        if event["event_name"] == "product_viewed" {
            let product_id = event["properties"]["product_id"].as_str().unwrap();
            let mut until = versions[product_id].iter().filter(|(at, _)| *at <= occurred_at(event));
            assert_eq!(until.next_back().unwrap().1, Some(true), "{event}");
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
    for line in world.changes(Source::DbOrderItems).filter_map(item) {
        assert!(versions.contains_key(line.product_id.as_str()), "{line:?}");
    }
}
