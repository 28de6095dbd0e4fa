//! What can go wrong with the embedded bus's file, beside what can go wrong on any bus.

use std::{error::Error, path::Path};

use lakebed_core::error_kind::ErrorKind;
pub use lakebed_ports::bus::error::{
    closed, subscription_differs, unknown_subscription, unknown_topic, wrong_clock,
};
use lakebed_ports::port_error::PortError;

/// The lock of the embedded bus's file is taken.
pub fn in_use(path: &Path) -> PortError {
    let message =
        format!("another lakebed process uses this data folder ({} is locked)", path.display());
    PortError::new(ErrorKind::FixInput, message)
        .with_hint("wait for it or stop it, or give another folder to --data")
}

/// The embedded bus's file is not what it wrote.
pub fn damaged(path: &Path, why: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
    let message = format!("the bus's file {} is damaged", path.display());
    PortError::new(ErrorKind::FixInput, message).with_source(why).with_hint(
        "restore it from a copy, or delete it to start with an empty bus; messages that were not yet \
         archived are then lost, unless their senders still hold them",
    )
}

/// The disk or the file system refused.
pub fn storage(path: &Path, why: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
    let message = format!("cannot use the bus's file {}", path.display());
    PortError::new(ErrorKind::FixInput, message).with_source(why).with_hint(
        "make room or mend the disk, then start again; nothing was acknowledged that is not stored",
    )
}
