//! The events of the app, and the part of the app that each belongs to: the one place of names.

use serde::{Deserialize, Serialize};

/// Something that a user does in the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is its name")]
pub enum Event {
    SignedUp,
    OnboardingCompleted,
    AppOpened,
    FeedScrolled,
    SearchPerformed,
    SearchResultOpened,
    ProductViewed,
    CartItemAdded,
    CartItemRemoved,
    CheckoutStarted,
    OrderPlaced,
    OrderFailed,
    PaymentSubmitted,
    PaymentFailed,
    ChatOpened,
    MessageSent,
    NotificationOpened,
    ProfileViewed,
    ProfileUpdated,
}

/// Every event with its name and functionality, in the order of [`Event`].
const EVENTS: [(Event, &str, &str); 19] = [
    (Event::SignedUp, "signed_up", "onboarding"),
    (Event::OnboardingCompleted, "onboarding_completed", "onboarding"),
    (Event::AppOpened, "app_opened", "feed"),
    (Event::FeedScrolled, "feed_scrolled", "feed"),
    (Event::SearchPerformed, "search_performed", "search"),
    (Event::SearchResultOpened, "search_result_opened", "search"),
    (Event::ProductViewed, "product_viewed", "catalogue"),
    (Event::CartItemAdded, "cart_item_added", "cart"),
    (Event::CartItemRemoved, "cart_item_removed", "cart"),
    (Event::CheckoutStarted, "checkout_started", "checkout"),
    (Event::OrderPlaced, "order_placed", "checkout"),
    (Event::OrderFailed, "order_failed", "checkout"),
    (Event::PaymentSubmitted, "payment_submitted", "payments"),
    (Event::PaymentFailed, "payment_failed", "payments"),
    (Event::ChatOpened, "chat_opened", "chat"),
    (Event::MessageSent, "message_sent", "chat"),
    (Event::NotificationOpened, "notification_opened", "notifications"),
    (Event::ProfileViewed, "profile_viewed", "profile"),
    (Event::ProfileUpdated, "profile_updated", "profile"),
];

/// The names of all events that the app sends. Any other name is `unknown_event`.
pub const EVENT_NAMES: [&str; EVENTS.len()] = {
    let mut names = [""; EVENTS.len()];
    let mut index = 0;
    while index < EVENTS.len() {
        names[index] = EVENTS[index].1;
        index += 1;
    }
    names
};

impl Event {
    /// The name in the payload.
    pub const fn name(self) -> &'static str {
        EVENTS[self as usize].1
    }

    /// The part of the app.
    pub(crate) const fn functionality(self) -> &'static str {
        EVENTS[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT_NAMES, EVENTS};
    use std::collections::BTreeSet;

    #[test]
    fn events_stand_in_the_order_of_the_enum() {
        for (index, (event, ..)) in EVENTS.iter().enumerate() {
            assert_eq!(*event as usize, index);
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
    }

    #[test]
    fn names_are_distinct_and_cover_ten_functionalities() {
        assert_eq!(EVENT_NAMES.iter().collect::<BTreeSet<_>>().len(), EVENT_NAMES.len());
        assert_eq!(EVENTS.iter().map(|event| event.2).collect::<BTreeSet<_>>().len(), 10);
    }
}
