//! What the messages of a chain get wrong, and the rows that set it right.
//!
//! Where a row is there because something else is not (nobody saw the user before, no state came
//! between two others), what is followed are the rows that are there. Computed from their messages alone,
//! a row may then come out that the table does not have, or none where it has one: a user who is new
//! again, a state that a later one had put aside. So the tables made of these messages are compared with
//! the real ones, and the real rows at which they differ are needed, too, with all that windows and
//! groups hold together.

use std::path::Path;

use super::{
    chain::{Chain, Lineage, Link, Needed},
    rows,
};
use crate::{
    contract::BuildKind,
    graph::{Graph, Node},
    port_error::PortError,
    warehouse::Session,
};

/// What is compared.
pub struct Compared<'a> {
    /// What is the same for both.
    pub lineage: &'a Lineage<'a>,
    /// The real tables.
    pub session: &'a mut dyn Session,
    /// The chain of the asked rows in them.
    pub chain: &'a Chain,
    /// The tables made of the chain's messages.
    pub inside: &'a mut dyn Session,
    /// The chain of the wrong result in them.
    pub wrong: &'a Chain,
    /// Where rows may be written.
    pub folder: &'a Path,
}

impl Compared<'_> {
    /// Adds the real rows at which the tables differ to what is needed `besides`; false if all of them
    /// are there.
    pub fn set_right(&mut self, besides: &mut Needed) -> Result<bool, PortError> {
        let mut is_more = false;
        // The first link is the asked row itself.
        for link in self.wrong.links.iter().skip(1) {
            if let Some(node) = compared(self.lineage.graph, link) {
                is_more |= self.add_for_wrong(node, link, besides)?;
            }
        }
        // What is missing makes more go missing above it: only the lowest says why.
        for link in self.chain.links.iter().skip(1).rev() {
            if let Some(node) = compared(self.lineage.graph, link)
                && self.add_for_missing(node, link, besides)?
            {
                return Ok(true);
            }
        }
        Ok(is_more)
    }

    /// Adds the real rows in the place of rows that are in the wrong result's chain and not real.
    fn add_for_wrong(
        &mut self,
        node: &Node,
        link: &Link,
        besides: &mut Needed,
    ) -> Result<bool, PortError> {
        let table = node.name();
        let grain = &node.file.contract.grain;
        let is_kept = rows::is_kept(self.lineage.graph, table);
        let (file, columns) = self.write(node, link, &is_kept)?;
        let by_grain = rows::same(grain, "real", "wrong");
        // Of a row that is not there at all, those of its entity say why.
        let by_key = rows::same(&grain[..1], "real", "wrong");
        let ids = format!(
            "with wrong as (select * from read_parquet('{file}') as wrong \
               anti join {table} as real on {}), \
             absent as (select * from wrong anti join {table} as real on {by_grain}) \
             select real.rowid as id from {table} as real semi join wrong on {by_grain} \
             union \
             select real.rowid from {table} as real semi join absent as wrong on {by_key}",
            rows::same(&columns, "real", "wrong"),
        );
        self.add(node, link, &ids, besides)
    }

    /// Adds the real rows of the chain that did not come out.
    fn add_for_missing(
        &mut self,
        node: &Node,
        link: &Link,
        besides: &mut Needed,
    ) -> Result<bool, PortError> {
        let table = node.name();
        let (file, columns) = self.write(node, link, "true")?;
        let ids = format!(
            "select real.rowid as id from {table} as real \
             anti join read_parquet('{file}') as found on {} where {}",
            rows::same(&columns, "real", "found"),
            rows::is_kept(self.lineage.graph, table)
        );
        self.add(node, link, &ids, besides)
    }

    /// Writes the needed columns of rows made of the chain's messages where the real session can read
    /// them.
    fn write(
        &mut self,
        node: &Node,
        link: &Link,
        condition: &str,
    ) -> Result<(String, Vec<String>), PortError> {
        let grain = &node.file.contract.grain;
        let others = link.columns.iter().filter(|column| !grain.contains(column));
        let columns: Vec<String> = grain.iter().chain(others).cloned().collect();
        let name = format!("{}.{}.parquet", node.name().layer(), node.name().table());
        let file = self.folder.join(name).display().to_string().replace('\'', "''");
        self.inside.execute(&format!(
            "copy (select {} from {} where {condition}) to '{file}' (format parquet)",
            columns.join(", "),
            node.name(),
        ))?;
        Ok((file, columns))
    }

    fn add(
        &mut self,
        node: &Node,
        link: &Link,
        ids: &str,
        besides: &mut Needed,
    ) -> Result<bool, PortError> {
        let kept = rows::besides(node.name());
        let session = &mut self.session;
        if !besides.contains_key(node.name()) {
            session.execute(&format!("create or replace temp table {kept} (id ubigint)"))?;
        }
        let count = format!("select count(*) from {kept}");
        let before = session.query(&count)?.count()?;
        session.execute(&format!(
            "insert into {kept} select cast(id as ubigint) from ({ids}) except select id from {kept}"
        ))?;
        let is_more = session.query(&count)?.count()? > before;
        if is_more {
            let columns = besides.entry(node.name().clone()).or_default();
            columns.extend(link.columns.iter().cloned());
        }
        Ok(is_more)
    }
}

/// Of the tables of a chain, those that are made of messages and hold rows of their own.
fn compared<'g>(graph: &'g Graph, link: &Link) -> Option<&'g Node> {
    let node = graph.get(&link.table)?;
    (!matches!(node.build(), BuildKind::Seed | BuildKind::View)).then_some(node)
}
