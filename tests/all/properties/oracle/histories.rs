//! Histories of rows, by one mechanism for all tables of the backend: one winner an instant, then
//! equal neighbours collapsed.

use std::collections::BTreeMap;

use sim::{MicrosUtc, Row, RowChange};

use super::{cells::cells, meanings::Change};

/// 0001-01-01.
pub const BEGINNING_OF_TIME: MicrosUtc = MicrosUtc(-62_135_596_800_000_000);
/// 9999-12-31.
pub const END_OF_TIME: MicrosUtc = MicrosUtc(253_402_214_400_000_000);

/// What a row was from an instant on; `None` if it was deleted.
pub type State<'a> = (MicrosUtc, Option<&'a Row>);

/// The states of each key, in order of time.
pub type Histories<'a> = BTreeMap<&'a str, Vec<State<'a>>>;

/// The histories that changes make: of one instant, the change with the greatest number counts.
pub fn histories<'a>(changes: impl Iterator<Item = Change<'a>>) -> Histories<'a> {
    let mut winners: BTreeMap<(&str, MicrosUtc), &RowChange> = BTreeMap::new();
    for Change { said, .. } in changes {
        let winner = winners.entry((&said.key, said.committed_at)).or_insert(said);
        if said.lsn > winner.lsn {
            *winner = said;
        }
    }
    let mut histories = Histories::new();
    for ((key, at), winner) in winners {
        histories.entry(key).or_default().push((at, winner.row.as_ref()));
    }
    histories
}

/// The state at an instant; `None` before the first.
pub fn state_at<'a>(history: &[State<'a>], at: MicrosUtc) -> Option<State<'a>> {
    history.iter().copied().rev().find(|(since, _)| *since <= at)
}

/// The rows of a dimension with history: key, from, to, whether it is inferred, whether it is
/// deleted, and the attributes, which are given for no row as well.
pub fn versions(
    key: &str,
    history: &[State<'_>],
    attributes: impl Fn(Option<&Row>) -> Vec<String>,
) -> Vec<Vec<String>> {
    let mut states = vec![(BEGINNING_OF_TIME, cells![true, false], attributes(None))];
    for (at, row) in history {
        let (flags, attributes) = (cells![false, row.is_none()], attributes(*row));
        if states.last().is_none_or(|last| (&last.1, &last.2) != (&flags, &attributes)) {
            states.push((*at, flags, attributes));
        }
    }
    let ends = states.iter().skip(1).map(|state| state.0).chain([END_OF_TIME]);
    let row = |((from, flags, attributes), to): (&(MicrosUtc, Vec<String>, Vec<String>), _)| {
        [cells![key, from, to], flags.clone(), attributes.clone()].concat()
    };
    states.iter().zip(ends).map(row).collect()
}
