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
    build::{shape, statements},
    contract::{BuildKind, TableName},
    graph::Node,
    warehouse::{ErrorKind, Session, Warehouse, WarehouseError},
};

/// Which messages go into a raw layer.
pub enum Messages<'a> {
    /// Those that are kept.
    Kept,
    /// Those that are kept, and those that were rejected on their way to the named tables.
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
) -> Result<i64, WarehouseError> {
    let mut total = 0;
    shape::create_missing(scratch, lineage.graph)?;
    let mut inside = scratch.session()?;
    for source in lineage.graph.sources() {
        let predicate = match messages {
            Messages::Kept => rows::is_kept(lineage.graph, source),
            Messages::KeptAndRejected(checked) => {
                let kept = rows::is_kept(lineage.graph, source);
                let of_source = |table: &&TableName| {
                    lineage.graph.node(table).inputs.iter().any(|input| input.table == *source)
                };
                let rejected = checked.iter().filter(of_source).map(|table| {
                    format!(
                        "message_id in (select message_id from {table} \
                         where reject_reason is not null)"
                    )
                });
                std::iter::once(kept).chain(rejected).collect::<Vec<_>>().join(" or ")
            }
            Messages::All => "true".to_owned(),
        };
        let count = session
            .query(&format!("select count(distinct message_id) from {source} where {predicate}"))?
            .count()?;
        let mut objects = Vec::new();
        if count > 0 {
            let place = folder.join(source.table());
            let place = place.display().to_string().replace('\'', "''");
            session.execute(&format!(
                "copy (select * from {source} where {predicate}) to '{place}' \
                 (format parquet, partition_by (load_date))"
            ))?;
            objects.push(format!("{place}/*/*.parquet"));
        }
        inside.execute(&scratch.raw_view(source.table(), &objects))?;
        total += count;
    }
    Ok(total)
}

/// Runs the queries of the tables above `target`, and its own, over the raw layer of an empty
/// warehouse. `after` may change a table once it is there.
pub fn rebuild(
    lineage: &Lineage<'_>,
    scratch: &dyn Warehouse,
    target: &TableName,
    chain: &Chain,
    after: &dyn Fn(&mut dyn Session, &Node) -> Result<(), WarehouseError>,
) -> Result<(), WarehouseError> {
    let upstream = lineage.graph.with_upstream(&[target.clone()].into());
    let mut session = scratch.session()?;
    let session = session.as_mut();
    for node in lineage.graph.in_order().filter(|node| upstream.contains(node.name())) {
        match node.build() {
            BuildKind::Seed => {
                let csv = node.file.seed_csv.as_deref().unwrap_or_default();
                let insert = statements::insert_seed(node, csv)
                    .map_err(|problem| WarehouseError::new(ErrorKind::FixInput, problem))?;
                session.execute(&insert)?;
            }
            BuildKind::View => {
                let select = lineage.select(session, node, lineage.rebuild_window(node, chain))?;
                session.execute(&format!("create view {} as\n{select}", node.name()))?;
            }
            _ => {
                let select = lineage.select(session, node, lineage.rebuild_window(node, chain))?;
                session.execute(&statements::insert(node, &select))?;
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
) -> Result<Vec<Row>, WarehouseError> {
    session
        .query(&format!(
            "select {} from {} where {condition} order by {}",
            columns.join(", "),
            node.name(),
            rows::grain(node)
        ))?
        .text_rows()
}
