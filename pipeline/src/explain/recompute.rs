//! Computes rows anew from the messages of a chain and from nothing else.
//!
//! The messages go into a raw layer of their own, and an empty warehouse runs the tables' queries over
//! it: the same texts that a build sends, over one window each. What comes out is compared with what
//! the warehouse holds.

use std::path::Path;

use super::{
    chain::{Chain, Lineage},
    rows,
};
use crate::{
    builder::shape,
    contract::{BuildKind, TableName},
    graph::Node,
    port_error::PortError,
    recipe::statements,
    warehouse::{ErrorKind, Session, Warehouse},
};

/// Which messages go into a raw layer.
pub enum Messages<'a> {
    /// Those that are kept.
    Kept,
    /// Those that are kept, and those that these tables rejected, each of them some.
    KeptAndRejected(&'a [TableName]),
    /// All.
    All,
}

/// Writes messages as objects under `folder`, and makes an empty warehouse read them. Returns how many
/// there are.
pub fn bring(
    lineage: &Lineage<'_>,
    session: &mut dyn Session,
    scratch: &dyn Warehouse,
    folder: &Path,
    messages: &Messages<'_>,
) -> Result<i64, PortError> {
    let mut total = 0;
    shape::create(scratch, lineage.graph)?;
    let mut inside = scratch.session()?;
    for source in lineage.graph.sources() {
        let Some(predicate) = predicate(lineage, session, source, messages)? else {
            inside.execute(&scratch.dialect().raw_view(source.table(), &[]))?;
            continue;
        };
        let place = folder.join(source.table());
        let place = place.display().to_string().replace('\'', "''");
        session.execute(&format!(
            "copy (select * from {source} where {predicate}) to '{place}' \
             (format parquet, partition_by (load_date))"
        ))?;
        let objects = [format!("{place}/*/*.parquet")];
        inside.execute(&scratch.dialect().raw_view(source.table(), &objects))?;
        total +=
            inside.query(&format!("select count(distinct message_id) from {source}"))?.count()?;
    }
    Ok(total)
}

/// Which messages of a source go into the raw layer; `None` if none does.
fn predicate(
    lineage: &Lineage<'_>,
    session: &mut dyn Session,
    source: &TableName,
    messages: &Messages<'_>,
) -> Result<Option<String>, PortError> {
    let mut parts = Vec::new();
    if let Messages::All = messages {
        let any = session.query(&format!("select count(*) from {source}"))?.count()?;
        return Ok((any > 0).then(|| "true".to_owned()));
    }
    if rows::count(session, source)? > 0 {
        parts.push(rows::is_kept(lineage.graph, source));
    }
    if let Messages::KeptAndRejected(judges) = messages {
        for judge in *judges {
            if lineage.graph.node(judge).inputs.iter().any(|input| input.table == *source) {
                parts.push(format!(
                    "message_id in (select message_id from {judge} where reject_reason is not null)"
                ));
            }
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join(" or ")))
}

/// Runs the queries of the tables above `target`, and its own, over the raw layer of an empty
/// warehouse. `after` may change a table once it is there.
pub fn rebuild(
    lineage: &Lineage<'_>,
    scratch: &dyn Warehouse,
    target: &TableName,
    chain: &Chain,
    after: &dyn Fn(&mut dyn Session, &Node) -> Result<(), PortError>,
) -> Result<(), PortError> {
    let upstream = lineage.graph.with_upstream(&[target.clone()].into());
    let mut session = scratch.session()?;
    let session = session.as_mut();
    for node in lineage.graph.in_order().filter(|node| upstream.contains(node.name())) {
        match node.build() {
            BuildKind::Seed => {
                let rows = statements::seed_rows(node)
                    .map_err(|problem| PortError::new(ErrorKind::FixInput, problem))?;
                session.execute(&statements::insert(node, node.name().as_str(), &rows))?;
            }
            BuildKind::View => {
                let select = lineage.select(session, node, lineage.rebuild_window(node, chain))?;
                session.execute(&format!("create view {} as\n{select}", node.name()))?;
            }
            _ => {
                let select = lineage.select(session, node, lineage.rebuild_window(node, chain))?;
                session.execute(&statements::insert(node, node.name().as_str(), &select))?;
            }
        }
        after(session, node)?;
    }
    Ok(())
}

/// A row of the asked table, its columns as texts.
pub type Row = Vec<Option<String>>;

/// The rows that meet a condition, by these columns, in order of the grain.
pub fn rows_where(
    session: &mut dyn Session,
    node: &Node,
    columns: &[String],
    condition: &str,
) -> Result<Vec<Row>, PortError> {
    session
        .query(&format!(
            "select {} from {} where {condition} order by {}",
            columns.join(", "),
            node.name(),
            rows::grain(node)
        ))?
        .text_rows()
}
