//! Claims of the journal, as an engine with sessions makes them.

use super::Session;
use crate::{
    clock,
    error_kind::ErrorKind,
    port_error::PortError,
    recipe::{Fence, NEXT_EPOCH},
};

/// Notes a claim. By itself it says nothing of commits under way: see [`super::Jobs::claim`].
pub fn claim(session: &mut dyn Session, run_id: &str) -> Result<Fence, PortError> {
    let epoch = session.query(NEXT_EPOCH)?.count()?;
    let fence = Fence { epoch, run_id: run_id.to_owned() };
    session.execute(&fence.claim(clock::now()))?;
    Ok(fence)
}

/// Why a run that has this claim writes no more; `None` if no later claim is there.
pub fn fenced(session: &mut dyn Session, fence: &Fence) -> Result<Option<PortError>, PortError> {
    let later = session.query(&fence.last_later())?.text_rows()?.into_iter().next();
    let Some(later) = later else { return Ok(None) };
    let mut cells = later.into_iter().map(Option::unwrap_or_default);
    let (by, since) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    let message = format!("run {by} writes this warehouse since {since} UTC, and this run no more");
    Ok(Some(
        PortError::new(ErrorKind::FixInput, message)
            .with_hint("what was committed stands; start again when that run has ended"),
    ))
}
