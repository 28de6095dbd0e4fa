//! The bytes of an event of the app.

use crate::json::{Defect, ObjectWriter};
use crate::time::MicrosUtc;

/// The fields of an event, as `layers/raw/mobile_events.toml` names them.
#[derive(Clone, Debug, Default)]
pub(crate) struct MobileFields<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) event_name: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) device_id: &'a str,
    pub(crate) session_id: &'a str,
    pub(crate) sequence: i64,
    pub(crate) occurred_at: MicrosUtc,
    pub(crate) functionality: &'a str,
    pub(crate) app_version: &'a str,
    pub(crate) os: &'a str,
    pub(crate) country_code: &'a str,
    pub(crate) properties: Properties,
}

/// What only some events have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) product_id: Option<String>,
    pub(crate) order_id: Option<String>,
    pub(crate) quantity: Option<i64>,
    pub(crate) amount_micros: Option<i64>,
    pub(crate) currency_code: Option<&'static str>,
    pub(crate) duration_ms: Option<i64>,
}

impl MobileFields<'_> {
    /// Such as `{"event_id":"…","event_name":"product_viewed",…,"properties":{"product_id":"…"}}`.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>, defects: &[Defect]) {
        let mut object = ObjectWriter::new(bytes, defects);
        object.string("event_id", self.event_id);
        object.string("event_name", self.event_name);
        object.string("user_id", self.user_id);
        object.string("device_id", self.device_id);
        object.string("session_id", self.session_id);
        object.integer("sequence", self.sequence);
        object.instant("occurred_at", self.occurred_at);
        object.string("functionality", self.functionality);
        object.string("app_version", self.app_version);
        object.string("os", self.os);
        object.string("country_code", self.country_code);
        object.open("properties");
        let properties = &self.properties;
        if let Some(product_id) = &properties.product_id {
            object.string("product_id", product_id);
        }
        if let Some(order_id) = &properties.order_id {
            object.string("order_id", order_id);
        }
        if let Some(quantity) = properties.quantity {
            object.integer("quantity", quantity);
        }
        if let Some(amount_micros) = properties.amount_micros {
            object.integer("amount_micros", amount_micros);
        }
        if let Some(currency_code) = properties.currency_code {
            object.string("currency_code", currency_code);
        }
        if let Some(duration_ms) = properties.duration_ms {
            object.integer("duration_ms", duration_ms);
        }
        object.close();
        object.finish();
    }
}
