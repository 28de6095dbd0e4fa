//! Who may write the journal, and the tables with it: the run that claimed it last.
//!
//! A claim is a row of the journal with an epoch, which is never taken back. What a run commits begins with
//! a statement that fails if a later claim is there, so that a run that was taken for dead changes nothing
//! once another has begun. Not for: when a claim holds against commits under way, which the warehouse says
//! (`warehouse::Warehouse::claim`).

use crate::{instant::MicrosUtc, sql::literal};

/// The journal's table of claims.
pub const CLAIMS: &str = "lakebed.claims";

/// Asks for the epoch of the next claim.
pub const NEXT_EPOCH: &str = "select ifnull(max(epoch), 0) + 1 from lakebed.claims";

/// A claim: by it a run writes, until a later one is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// Greater than those of the claims that were there. Two that claim at the same time may have the same:
    /// then the greater name of a run is the later claim, for both.
    pub epoch: i64,
    /// Names the run in the journal.
    pub run_id: String,
}

impl Fence {
    /// The statement that claims.
    pub fn claim(&self, at: MicrosUtc) -> String {
        let (epoch, run_id) = (self.epoch, literal::text(&self.run_id));
        format!("insert into {CLAIMS} values ({epoch}, {run_id}, {})", literal::instant(at))
    }

    /// The statement that fails if there is a later claim. It is one for all engines, and decides by itself:
    /// a transaction may be sent as a script.
    pub fn statement(&self) -> String {
        let later = self.is_later();
        format!(
            "select case when count(*) > 0 then error('a later run has claimed the journal') end as fence\n\
             from {CLAIMS} where {later}"
        )
    }

    /// Asks whose the last of the later claims is, and since when.
    pub fn last_later(&self) -> String {
        let later = self.is_later();
        format!(
            "select run_id, claimed_at from {CLAIMS} where {later} \
             order by epoch desc, run_id desc limit 1"
        )
    }

    fn is_later(&self) -> String {
        let (epoch, run_id) = (self.epoch, literal::text(&self.run_id));
        format!("epoch > {epoch} or (epoch = {epoch} and run_id > {run_id})")
    }
}
