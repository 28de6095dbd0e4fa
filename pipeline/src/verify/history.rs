//! Tables of build `history`: each instant since a key's first row lies in exactly one of its rows.

use super::{
    compare::{Difference, Reading, Row},
    lake::Lake,
};
use crate::{contract::BuildKind, graph::Node, port_error::PortError, warehouse::Session};

/// The first history with rows that overlap, or with a gap between them.
pub fn torn(lake: &Lake<'_>) -> Result<Option<Difference>, PortError> {
    let mut session = lake.warehouse.session()?;
    for node in lake.variant.graph.in_order().filter(|node| node.build() == BuildKind::History) {
        if let Some(difference) = torn_rows(session.as_mut(), node)? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// Rows that do not end where the next one begins. One may end a microsecond before, for whom the
/// end is included.
fn torn_rows(session: &mut dyn Session, node: &Node) -> Result<Option<Difference>, PortError> {
    let contract = &node.file.contract;
    let (Some(valid_from), Some(valid_to)) = (&contract.partition_by, &contract.valid_to) else {
        return Ok(None);
    };
    let key: Vec<&str> =
        contract.grain.iter().filter(|c| *c != valid_from).map(String::as_str).collect();
    let keys = key.join(", ");
    let table = node.name();
    let rows = session
        .query(&format!(
            "select {keys}, {valid_from}, next_from, {valid_to} from (\n\
               select {keys}, {valid_from}, {valid_to}, lead({valid_from}) over (\n\
                 partition by {keys} order by {valid_from}) as next_from\n\
               from {table}) as rows_in_order\n\
             where unix_micros(next_from) - unix_micros({valid_to}) not in (0, 1)"
        ))?
        .text_rows()?;
    if rows.is_empty() {
        return Ok(None);
    }
    let width = key.len() + 1;
    let with_end = |end: usize| {
        let row = |row: &Row| row[..width].iter().chain([&row[end]]).cloned().collect::<Row>();
        rows.iter().map(row).collect::<Vec<Row>>()
    };
    let key: Vec<String> =
        key.into_iter().chain([valid_from.as_str()]).map(str::to_owned).collect();
    let columns = key.iter().chain([valid_to]).cloned().collect();
    let reading = Reading { table: table.clone(), columns, key };
    Ok(Some(reading.compare(&with_end(width), &with_end(width + 1))))
}
