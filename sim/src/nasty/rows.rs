//! Nasty rows of the backend's tables: of few values, so that states recur, and some of them empty.

use super::{COUNTRIES, ORDERS, PRODUCTS, USERS, instant_on};
use crate::arrival::Source;
use crate::random::Random;
use crate::rows::{OrderItemRow, OrderRow, PaymentRow, ProductRow, Row, SubscriptionRow, UserRow};
use crate::time::MicrosUtc;
use std::fmt::{self, Display, Formatter};

const PAYMENTS: [&str; 5] = ["p0", "p0", "p1", "pä/✓ \"", ""];
const SUBSCRIPTIONS: [&str; 4] = ["a0", "a0", "a'1 ü", ""];
/// Line 0 stands for the order itself: one that the backend sends is no line.
const LINES: [i64; 7] = [1, 1, 1, 2, 2, 2, 0];
const CURRENCIES: [&str; 5] = ["EUR", "EUR", "EUR", "USD", ""];
const AMOUNTS: [i64; 4] = [0, 1_000_000, 1_000_000, 2_500_000];

/// The key of a row: an id, and of a line its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) source: Source,
    pub(super) id: &'static str,
    line_number: i64,
}

impl Key {
    pub(super) fn new(source: Source, random: Random) -> Key {
        let ids: &[&'static str] = match source {
            Source::MobileEvents | Source::DbUsers => &USERS,
            Source::DbProducts => &PRODUCTS,
            Source::DbOrders | Source::DbOrderItems => &ORDERS,
            Source::DbPayments => &PAYMENTS,
            Source::DbSubscriptions => &SUBSCRIPTIONS,
        };
        let line_number = match source {
            Source::DbOrderItems => *random.stream("line").pick(&LINES),
            _ => 0,
        };
        Key { source, id: random.stream("key").pick::<&'static str>(ids), line_number }
    }

    /// The names of its parts in the payload.
    pub(super) const fn fields(&self) -> &'static [&'static str] {
        match self.source {
            Source::MobileEvents | Source::DbUsers => &["user_id"],
            Source::DbProducts => &["product_id"],
            Source::DbOrders => &["order_id"],
            Source::DbOrderItems => &["order_id", "line_number"],
            Source::DbPayments => &["payment_id"],
            Source::DbSubscriptions => &["subscription_id"],
        }
    }

    /// The fields that are no texts: of the row after the change, or of the key only.
    pub(super) const fn typed_fields(&self, has_row: bool) -> &'static [&'static str] {
        match (self.source, has_row) {
            (Source::DbUsers, true) => &["signed_up_at", "marketing_opt_in"],
            (Source::DbProducts, true) => &["list_price_micros", "is_active"],
            (Source::DbOrders, true) => &["placed_at", "shipping_micros", "discount_micros"],
            (Source::DbOrderItems, true) => &["line_number", "quantity", "unit_price_micros"],
            (Source::DbOrderItems, false) => &["line_number"],
            (Source::DbPayments, true) => &["amount_micros", "refunded_micros", "attempted_at"],
            (Source::DbSubscriptions, true) => &["price_micros", "started_at", "ended_at"],
            _ => &[],
        }
    }

    /// A state of the row.
    pub(super) fn row(&self, random: Random, first_day: i64, committed_at: MicrosUtc) -> Row {
        let id = self.id.to_owned();
        let text = |name: &str, texts: &[&str]| (*random.stream(name).pick(texts)).to_owned();
        let amount = |name: &str| *random.stream(name).pick(&AMOUNTS);
        // An instant that says little, the same in most states.
        let instant = || began_at(random, first_day, self.id, committed_at);
        match self.source {
            Source::MobileEvents | Source::DbUsers => Row::User(UserRow {
                user_id: id,
                signed_up_at: instant(),
                country_code: text("country", &COUNTRIES),
                plan: text("plan", &["free", "plus"]),
                marketing_opt_in: random.stream("opt in").chance(200_000),
                email: String::new(),
                phone_number: None,
            }),
            Source::DbProducts => Row::Product(ProductRow {
                product_id: id,
                name: text("name", &["Chair", "Chair", "Ståhl \"1\"", ""]),
                category: text("category", &["home", "home", ""]),
                list_price_micros: amount("price"),
                is_active: random.stream("active").chance(800_000),
            }),
            Source::DbOrders => Row::Order(OrderRow {
                order_id: id,
                user_id: text("user", &USERS),
                status: text("status", &["placed", "placed", "paid", "cancelled", "returned"]),
                placed_at: instant(),
                country_code: text("country", &COUNTRIES),
                currency_code: text("currency", &CURRENCIES),
                shipping_micros: amount("shipping"),
                discount_micros: *random.stream("discount").pick(&[0, 0, 300_000]),
            }),
            Source::DbOrderItems => Row::OrderItem(OrderItemRow {
                order_id: id,
                line_number: self.line_number,
                product_id: text("product", &PRODUCTS),
                quantity: *random.stream("quantity").pick(&[0, 1, 1, 2]),
                unit_price_micros: amount("price"),
            }),
            Source::DbPayments => Row::Payment(PaymentRow {
                payment_id: id,
                order_id: text("order", &ORDERS),
                user_id: text("user", &USERS),
                status: text("status", &["pending", "captured", "captured", "failed", "refunded"]),
                method: text("method", &["card", "wallet"]),
                amount_micros: amount("amount"),
                refunded_micros: *random.stream("refunded").pick(&[0, 0, 1_000_000]),
                currency_code: text("currency", &CURRENCIES),
                country_code: text("country", &COUNTRIES),
                attempted_at: instant(),
            }),
            Source::DbSubscriptions => Row::Subscription(SubscriptionRow {
                subscription_id: id,
                user_id: text("user", &USERS),
                plan: text("plan", &["plus", "pro"]),
                status: text("status", &["active", "active", "cancelled"]),
                price_micros: amount("price"),
                currency_code: text("currency", &CURRENCIES),
                started_at: instant(),
                ended_at: Some(committed_at).filter(|_| random.stream("ended").chance(300_000)),
            }),
        }
    }
}

/// As in a meaning: the parts are separated by `/`.
impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)?;
        if self.source == Source::DbOrderItems {
            write!(f, "/{}", self.line_number)
        } else {
            Ok(())
        }
    }
}

/// The row with an empty id: of a line, that of its order.
pub(super) fn without_id(mut row: Row) -> Row {
    match &mut row {
        Row::User(row) => row.user_id.clear(),
        Row::Product(row) => row.product_id.clear(),
        Row::Order(row) => row.order_id.clear(),
        Row::OrderItem(row) => row.order_id.clear(),
        Row::Payment(row) => row.payment_id.clear(),
        Row::Subscription(row) => row.subscription_id.clear(),
    }
    row
}

/// Mostly the same of a key, so that states recur. At times 28 days before what happens in the set.
fn began_at(random: Random, first_day: i64, id: &str, committed_at: MicrosUtc) -> MicrosUtc {
    if random.stream("moved").chance(200_000) {
        let day = committed_at.day() + random.stream("since").pick(&[0, 0, -1, -28, -40, 1]);
        return instant_on(day, random.stream("at"));
    }
    let own = Random::new(0).stream(id);
    let day = first_day + own.stream("since").pick(&[0, 1, 3, -27, -40]);
    instant_on(day, own.stream("at"))
}

/// The fields of which the row says nothing: zero amounts and empty codes.
pub(super) fn empty_fields(row: &Row) -> Vec<&'static str> {
    let fields = match row {
        Row::User(row) => vec![("country_code", row.country_code.is_empty())],
        Row::Product(row) => vec![
            ("name", row.name.is_empty()),
            ("category", row.category.is_empty()),
            ("list_price_micros", row.list_price_micros == 0),
        ],
        Row::Order(row) => vec![
            ("country_code", row.country_code.is_empty()),
            ("currency_code", row.currency_code.is_empty()),
            ("shipping_micros", row.shipping_micros == 0),
            ("discount_micros", row.discount_micros == 0),
        ],
        Row::OrderItem(row) => {
            vec![("quantity", row.quantity == 0), ("unit_price_micros", row.unit_price_micros == 0)]
        }
        Row::Payment(row) => vec![
            ("amount_micros", row.amount_micros == 0),
            ("refunded_micros", row.refunded_micros == 0),
            ("currency_code", row.currency_code.is_empty()),
            ("country_code", row.country_code.is_empty()),
        ],
        Row::Subscription(row) => vec![
            ("price_micros", row.price_micros == 0),
            ("currency_code", row.currency_code.is_empty()),
        ],
    };
    fields.into_iter().filter(|(_, is_empty)| *is_empty).map(|(field, _)| field).collect()
}

/// The fields that name another row, and name none.
pub(super) fn empty_references(row: &Row) -> Vec<&'static str> {
    let fields = match row {
        Row::User(_) | Row::Product(_) => vec![],
        Row::Order(row) => vec![("user_id", row.user_id.is_empty())],
        Row::OrderItem(row) => vec![("product_id", row.product_id.is_empty())],
        Row::Payment(row) => {
            vec![("order_id", row.order_id.is_empty()), ("user_id", row.user_id.is_empty())]
        }
        Row::Subscription(row) => vec![("user_id", row.user_id.is_empty())],
    };
    fields.into_iter().filter(|(_, is_empty)| *is_empty).map(|(field, _)| field).collect()
}
