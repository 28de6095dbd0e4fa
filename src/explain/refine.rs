//! What the messages of a chain get wrong, and the rows that set it right.
//!
//! Where a row is there because something else is not (nobody saw the user before, no state came
//! between two others), what is followed are the rows that are there. Computed from their messages alone,
//! a row may then come out that the table does not have: a user who is new again. So the wrong result
//! is followed in its own tables, and where a row of these is not as in the real ones, the real rows of
//! its key are needed, too.

use std::path::Path;

use super::{
    chain::{Chain, Lineage, Link, Needed},
    rows,
};
use crate::{
    contract::BuildKind,
    graph::Node,
    warehouse::{Session, WarehouseError},
};

/// Adds the real rows that stand against wrong ones to what is needed `besides`; false if there are
/// none that were not known. `wrong` is the chain of the wrong result in the session `inside`.
pub fn set_right(
    lineage: &Lineage<'_>,
    session: &mut dyn Session,
    (inside, wrong): (&mut dyn Session, &Chain),
    folder: &Path,
    besides: &mut Needed,
) -> Result<bool, WarehouseError> {
    let mut is_more = false;
    // The first link is the asked row itself.
    for link in wrong.links.iter().skip(1) {
        let Some(node) = lineage.graph.get(&link.table) else { continue };
        // A seed is part of the code, and of a view there is nothing to compare that is its own.
        if matches!(node.build(), BuildKind::Seed | BuildKind::View) {
            continue;
        }
        if add_real_rows(lineage, session, inside, (node, link), folder, besides)? {
            besides.entry(link.table.clone()).or_default().extend(link.columns.iter().cloned());
            is_more = true;
        }
    }
    Ok(is_more)
}

fn add_real_rows(
    lineage: &Lineage<'_>,
    session: &mut dyn Session,
    inside: &mut dyn Session,
    (node, link): (&Node, &Link),
    folder: &Path,
    besides: &Needed,
) -> Result<bool, WarehouseError> {
    let table = node.name();
    let grain = &node.file.contract.grain;
    let others = link.columns.iter().filter(|column| !grain.contains(column));
    let columns: Vec<String> = grain.iter().chain(others).cloned().collect();
    let file = folder.join(format!("{}.{}.parquet", table.layer(), table.table()));
    let file = file.display().to_string().replace('\'', "''");
    inside.execute(&format!(
        "copy (select {} from {table} where {}) to '{file}' (format parquet)",
        columns.join(", "),
        rows::is_kept(lineage.graph, table)
    ))?;
    let kept = rows::besides(table);
    if !besides.contains_key(table) {
        session.execute(&format!("create or replace temp table {kept} (id ubigint)"))?;
    }
    let by_grain = rows::same(grain, "real", "wrong");
    // Of a row that is not there at all, those of its entity say why.
    let by_key = rows::same(&grain[..1], "real", "wrong");
    let before = session.query(&format!("select count(*) from {kept}"))?.count()?;
    session.execute(&format!(
        "insert into {kept} \
         with wrong as (select * from read_parquet('{file}') as wrong \
           anti join {table} as real on {}), \
         absent as (select * from wrong anti join {table} as real on {by_grain}), \
         found as ( \
           select real.rowid as id from {table} as real semi join wrong on {by_grain} \
           union \
           select real.rowid from {table} as real semi join absent as wrong on {by_key}) \
         select cast(id as ubigint) from found except select id from {kept}",
        rows::same(&columns, "real", "wrong"),
    ))?;
    let after = session.query(&format!("select count(*) from {kept}"))?.count()?;
    Ok(after > before)
}
