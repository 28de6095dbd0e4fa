//! What can go wrong on a bus, said alike by every adapter.

use crate::{error_kind::ErrorKind, port_error::PortError};

/// No such topic: it is made when a system is set up.
pub fn unknown_topic(topic: &str) -> PortError {
    PortError::new(ErrorKind::Bug, format!("there is no topic `{topic}` on the bus"))
}

/// No such subscription: it is made when a system is set up.
pub fn unknown_subscription(subscription: &str) -> PortError {
    PortError::new(ErrorKind::Bug, format!("there is no subscription `{subscription}` on the bus"))
}

/// A subscription of that name is another one.
pub fn subscription_differs(subscription: &str, existing: &str) -> PortError {
    let message =
        format!("the subscription `{subscription}` exists with other settings ({existing})");
    PortError::new(ErrorKind::FixInput, message).with_hint("give the new one another name")
}

/// Simulated time given to a bus on the system's clock, or the other way round.
pub fn wrong_clock(expected: &str, given: &str) -> PortError {
    let message =
        format!("this bus runs on {expected} time, and a publication came with {given} time");
    PortError::new(ErrorKind::Bug, message)
}

/// The bus is shutting down.
pub fn closed() -> PortError {
    PortError::new(ErrorKind::Retry, "the bus is closed")
}
