//! Rows of the backend's tables, as `layers/raw/db_*.toml` name their fields.
//!
//! Amounts are in micros: millionths of the currency. Instants are UTC. In a set made for tests a
//! text may be empty and an amount zero because the payload does not say them.

use crate::arrival::Source;
use crate::json::ObjectWriter;
use crate::time::MicrosUtc;
use serde::{Deserialize, Serialize};

/// A row of one of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// Of `users`.
    User(UserRow),
    /// Of `products`.
    Product(ProductRow),
    /// Of `orders`.
    Order(OrderRow),
    /// Of `order_items`.
    OrderItem(OrderItemRow),
    /// Of `payments`.
    Payment(PaymentRow),
    /// Of `subscriptions`.
    Subscription(SubscriptionRow),
}

/// A user's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The key.
    pub user_id: String,
    /// When the user signed up.
    pub signed_up_at: MicrosUtc,
    /// Country of the account, ISO 3166-1 alpha-2.
    pub country_code: String,
    /// `free`, `plus` or `pro`.
    pub plan: String,
    /// Whether the user wants advertising.
    pub marketing_opt_in: bool,
    /// Personal data.
    pub email: String,
    /// Personal data, if the user gave it.
    pub phone_number: Option<String>,
}

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRow {
    /// The key.
    pub product_id: String,
    /// What it is called.
    pub name: String,
    /// The part of the assortment.
    pub category: String,
    /// Price in the reporting currency, before what a country adds or takes off.
    pub list_price_micros: i64,
    /// Whether it can be ordered.
    pub is_active: bool,
}

/// An order, apart from its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// The key.
    pub order_id: String,
    /// Who ordered.
    pub user_id: String,
    /// `placed`, `paid`, `shipped`, `delivered`, `cancelled` or `returned`.
    pub status: String,
    /// When it was placed.
    pub placed_at: MicrosUtc,
    /// Where it goes, ISO 3166-1 alpha-2.
    pub country_code: String,
    /// Currency of all amounts of the order and its lines, ISO 4217.
    pub currency_code: String,
    /// What shipping costs.
    pub shipping_micros: i64,
    /// What is taken off the sum of the lines.
    pub discount_micros: i64,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderItemRow {
    /// The key, together with the line's number.
    pub order_id: String,
    /// From 1.
    pub line_number: i64,
    /// What is ordered.
    pub product_id: String,
    /// How many of it.
    pub quantity: i64,
    /// Price of one.
    pub unit_price_micros: i64,
}

/// An attempt to pay an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// The key.
    pub payment_id: String,
    /// What is paid.
    pub order_id: String,
    /// Who pays.
    pub user_id: String,
    /// `pending`, `captured`, `failed` or `refunded`.
    pub status: String,
    /// `card`, `wallet` or `transfer`.
    pub method: String,
    /// What is to be paid.
    pub amount_micros: i64,
    /// What was given back of it.
    pub refunded_micros: i64,
    /// Currency of both, ISO 4217.
    pub currency_code: String,
    /// Where the bill goes, ISO 3166-1 alpha-2.
    pub country_code: String,
    /// When the user asked for it.
    pub attempted_at: MicrosUtc,
}

/// What a user pays for every month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRow {
    /// The key.
    pub subscription_id: String,
    /// Whose.
    pub user_id: String,
    /// `plus` or `pro`.
    pub plan: String,
    /// `active` or `cancelled`.
    pub status: String,
    /// What a month costs.
    pub price_micros: i64,
    /// Its currency, ISO 4217.
    pub currency_code: String,
    /// When it began.
    pub started_at: MicrosUtc,
    /// When it ended, if it has.
    pub ended_at: Option<MicrosUtc>,
}

impl Row {
    /// Of which table it is.
    pub const fn source(&self) -> Source {
        match self {
            Row::User(_) => Source::DbUsers,
            Row::Product(_) => Source::DbProducts,
            Row::Order(_) => Source::DbOrders,
            Row::OrderItem(_) => Source::DbOrderItems,
            Row::Payment(_) => Source::DbPayments,
            Row::Subscription(_) => Source::DbSubscriptions,
        }
    }

    /// The key of the row; its parts are separated by `/`.
    pub fn key(&self) -> String {
        match self {
            Row::User(row) => row.user_id.clone(),
            Row::Product(row) => row.product_id.clone(),
            Row::Order(row) => row.order_id.clone(),
            Row::OrderItem(row) => format!("{}/{}", row.order_id, row.line_number),
            Row::Payment(row) => row.payment_id.clone(),
            Row::Subscription(row) => row.subscription_id.clone(),
        }
    }

    /// The row as one of `users`, if it is one.
    pub const fn as_user(&self) -> Option<&UserRow> {
        match self {
            Row::User(row) => Some(row),
            _ => None,
        }
    }

    /// Writes the fields of the key into an object that is open.
    pub(crate) fn write_key(&self, object: &mut ObjectWriter<'_>) {
        match self {
            Row::User(row) => object.string("user_id", &row.user_id),
            Row::Product(row) => object.string("product_id", &row.product_id),
            Row::Order(row) => object.string("order_id", &row.order_id),
            Row::OrderItem(row) => {
                object.string("order_id", &row.order_id);
                object.integer("line_number", row.line_number);
            }
            Row::Payment(row) => object.string("payment_id", &row.payment_id),
            Row::Subscription(row) => object.string("subscription_id", &row.subscription_id),
        }
    }

    /// Writes all fields into an object that is open.
    pub(crate) fn write(&self, object: &mut ObjectWriter<'_>) {
        self.write_key(object);
        match self {
            Row::User(row) => row.write(object),
            Row::Product(row) => row.write(object),
            Row::Order(row) => row.write(object),
            Row::OrderItem(row) => row.write(object),
            Row::Payment(row) => row.write(object),
            Row::Subscription(row) => row.write(object),
        }
    }
}

impl UserRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.instant("signed_up_at", self.signed_up_at);
        object.string("country_code", &self.country_code);
        object.string("plan", &self.plan);
        object.boolean("marketing_opt_in", self.marketing_opt_in);
        object.string("email", &self.email);
        object.optional_string("phone_number", self.phone_number.as_deref());
    }
}

impl ProductRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.string("name", &self.name);
        object.string("category", &self.category);
        object.integer("list_price_micros", self.list_price_micros);
        object.boolean("is_active", self.is_active);
    }
}

impl OrderRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.string("user_id", &self.user_id);
        object.string("status", &self.status);
        object.instant("placed_at", self.placed_at);
        object.string("country_code", &self.country_code);
        object.string("currency_code", &self.currency_code);
        object.integer("shipping_micros", self.shipping_micros);
        object.integer("discount_micros", self.discount_micros);
    }
}

impl OrderItemRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.string("product_id", &self.product_id);
        object.integer("quantity", self.quantity);
        object.integer("unit_price_micros", self.unit_price_micros);
    }
}

impl PaymentRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.string("order_id", &self.order_id);
        object.string("user_id", &self.user_id);
        object.string("status", &self.status);
        object.string("method", &self.method);
        object.integer("amount_micros", self.amount_micros);
        object.integer("refunded_micros", self.refunded_micros);
        object.string("currency_code", &self.currency_code);
        object.string("country_code", &self.country_code);
        object.instant("attempted_at", self.attempted_at);
    }
}

impl SubscriptionRow {
    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.string("user_id", &self.user_id);
        object.string("plan", &self.plan);
        object.string("status", &self.status);
        object.integer("price_micros", self.price_micros);
        object.string("currency_code", &self.currency_code);
        object.instant("started_at", self.started_at);
        match self.ended_at {
            Some(ended_at) => object.instant("ended_at", ended_at),
            None => object.null("ended_at"),
        }
    }
}
