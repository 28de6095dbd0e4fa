//! What a session that buys leaves behind for the backend.

use crate::random::Random;
use crate::shop::Bill;
use crate::time::MicrosUtc;

/// An order as the app knows it when the session ends.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) order: u64,
    pub(crate) bill: Bill,
    /// When the app knew that the order is placed.
    pub(crate) placed_at: MicrosUtc,
    pub(crate) attempts: Vec<Attempt>,
    /// The order's place in the tree of seeds.
    pub(crate) random: Random,
}

/// An attempt to pay, as the app knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) submitted_at: MicrosUtc,
    /// When the app knew that it had failed, if it has.
    pub(crate) failed_at: Option<MicrosUtc>,
}

/// Orders are known to all sources by this.
pub(crate) fn order_id(order: u64) -> String {
    format!("o{order:016x}")
}
