//! What can go wrong on a bus, said alike by every adapter; and what can go wrong with the file of
//! the embedded one.

use std::{error::Error, path::Path};

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

/// The lock of the embedded bus's file is taken.
pub(super) fn in_use(path: &Path) -> PortError {
    let message =
        format!("another lakebed process uses this data folder ({} is locked)", path.display());
    PortError::new(ErrorKind::FixInput, message)
        .with_hint("wait for it or stop it, or give another folder to --data")
}

/// The embedded bus's file is not what it wrote.
pub(super) fn damaged(path: &Path, why: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
    let message = format!("the bus's file {} is damaged", path.display());
    PortError::new(ErrorKind::FixInput, message).with_source(why).with_hint(
        "restore it from a copy, or delete it to start with an empty bus; messages that were not yet \
         archived are then lost, unless their senders still hold them",
    )
}

/// The disk or the file system refused.
pub(super) fn storage(path: &Path, why: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
    let message = format!("cannot use the bus's file {}", path.display());
    PortError::new(ErrorKind::FixInput, message).with_source(why).with_hint(
        "make room or mend the disk, then start again; nothing was acknowledged that is not stored",
    )
}
