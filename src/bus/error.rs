//! What can go wrong on a bus, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::error_kind::ErrorKind;

/// An error of a bus.
#[derive(Clone, Debug, Error)]
pub enum BusError {
    /// The data folder's lock is taken.
    #[error("another lakebed process uses this data folder ({} is locked)", path.display())]
    InUse {
        /// The locked file.
        path: PathBuf,
    },
    /// The file is not what the bus wrote.
    #[error(
        "the bus's file {} is damaged ({detail}): restore it from a copy, or delete it to start \
         with an empty bus; messages that were not yet archived are then lost, unless their \
         senders still hold them",
        path.display()
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// What the storage found.
        detail: String,
    },
    /// The disk or the file system refused.
    #[error(
        "cannot use the bus's file {} ({detail}): make room or mend the disk, then start again; \
         nothing was acknowledged that is not stored",
        path.display()
    )]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        detail: String,
    },
    /// No such topic.
    #[error("there is no topic `{topic}` on the bus")]
    UnknownTopic {
        /// The name asked for.
        topic: String,
    },
    /// No such subscription.
    #[error("there is no subscription `{subscription}` on the bus")]
    UnknownSubscription {
        /// The name asked for.
        subscription: String,
    },
    /// A subscription of that name reads another topic or orders otherwise.
    #[error("the subscription `{subscription}` exists with other settings ({existing})")]
    SubscriptionDiffers {
        /// The name asked for.
        subscription: String,
        /// What it is.
        existing: String,
    },
    /// Simulated time given to a bus on the system clock, or the other way round.
    #[error("this bus runs on {expected} time, and a publication came with {given} time")]
    WrongClock {
        /// The bus's time.
        expected: &'static str,
        /// The publication's time.
        given: &'static str,
    },
    /// Not an acknowledgement id of this bus.
    #[error("`{ack_id}` is not an acknowledgement id of this bus")]
    InvalidAckId {
        /// What was given.
        ack_id: String,
    },
    /// The bus is shutting down.
    #[error("the bus is closed")]
    Closed,
}

impl BusError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse { .. }
            | Self::Damaged { .. }
            | Self::Storage { .. }
            | Self::SubscriptionDiffers { .. } => ErrorKind::FixInput,
            Self::UnknownTopic { .. }
            | Self::UnknownSubscription { .. }
            | Self::WrongClock { .. }
            | Self::InvalidAckId { .. } => ErrorKind::Bug,
            Self::Closed => ErrorKind::Retry,
        }
    }
}
