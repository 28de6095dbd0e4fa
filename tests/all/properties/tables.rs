//! What the tables hold, to be compared: as hashes, and as rows where these differ.

use std::collections::BTreeMap;

use jiff::civil::Date;
use lakebed::{
    contract::BuildKind,
    graph::{Graph, Node},
    plan::{Content, Snapshot, snapshot::Partition},
    warehouse::{Session, Warehouse},
};

use super::{Outcome, lake::Lake};

/// The cells of a query's rows as texts, NULL as `-`.
pub fn cells(session: &mut dyn Session, sql: &str) -> Vec<Vec<String>> {
    let result = session.query(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    let row = |row: Vec<Option<String>>| row.into_iter().map(cell).collect();
    result.text_rows().expect("results are readable").into_iter().map(row).collect()
}

/// The rows of a query as texts: cells joined by `|`, in order.
pub fn rows(session: &mut dyn Session, sql: &str) -> Vec<String> {
    let mut rows: Vec<String> = cells(session, sql).into_iter().map(|row| row.join("|")).collect();
    rows.sort();
    rows
}

fn stored(graph: &Graph) -> impl Iterator<Item = &Node> {
    graph.in_order().filter(|node| node.build() != BuildKind::View)
}

fn columns(node: &Node) -> Vec<&str> {
    node.file.contract.columns.keys().map(String::as_str).collect()
}

/// A hash and a count of all rows, by table.
pub fn fingerprints(warehouse: &dyn Warehouse, graph: &Graph) -> Vec<String> {
    let selects: Vec<String> = stored(graph)
        .map(|node| {
            let hash = warehouse.hash_sum_expression(&columns(node));
            format!("select '{name}', {hash}, count(*) from {name}", name = node.name())
        })
        .collect();
    rows(warehouse.session().expect("a session").as_mut(), &selects.join(" union all "))
}

/// Both lakes hold the same rows in every table.
pub fn check_same(what: &str, left: &Lake, right: &Lake) -> Outcome {
    let graph = &left.variant.graph;
    let found = fingerprints(left.warehouse.as_ref(), graph);
    let wanted = fingerprints(right.warehouse.as_ref(), graph);
    if found == wanted {
        return Ok(());
    }
    let mut problem = format!("{what}:");
    for node in stored(graph) {
        let sql = format!("select * from {}", node.name());
        let name = node.name().as_str();
        if let Err(difference) = check_rows(name, &left.rows(&sql), &right.rows(&sql)) {
            problem = format!("{problem}\n{difference}");
        }
    }
    Err(problem)
}

/// Both are the same rows; the error shows those that only one has.
pub fn check_rows(name: &str, found: &[String], wanted: &[String]) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for row in found {
        *counts.entry(row).or_default() += 1;
    }
    for row in wanted {
        *counts.entry(row).or_default() -= 1;
    }
    let shown: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .take(12)
        .map(|(row, count)| format!("  {} {row}", if count > 0 { "found " } else { "wanted" }))
        .collect();
    Err(format!("{name} differs\n{}", shown.join("\n")))
}

/// What the journal says that partitions hold is what they hold.
pub fn check_contents(lake: &Lake, snapshot: &Snapshot) -> Outcome {
    let graph = &lake.variant.graph;
    // Of what merges, the journal knows only what it was made of.
    let nodes: Vec<&Node> = stored(graph).filter(|node| node.build() != BuildKind::Merge).collect();
    let selects: Vec<String> = nodes.iter().map(|node| contents_query(lake, node)).collect();
    let mut session = lake.warehouse.session().expect("a session");
    let result = session.query(&selects.join(" union all ")).expect("tables can be read");
    let mut found: BTreeMap<String, BTreeMap<Partition, Content>> = BTreeMap::new();
    for row in result.text_rows().expect("results are readable") {
        let table = row[0].clone().expect("it has a name");
        let partition: Option<Date> = row[1].as_ref().map(|text| text.parse().expect("a date"));
        let hash_sum = row[2].as_ref().expect("a sum").parse().expect("a number");
        let row_count = row[3].as_ref().expect("a count").parse().expect("a number");
        found.entry(table).or_default().insert(partition, Content { hash_sum, row_count });
    }
    for node in nodes {
        let told = snapshot.contents.get(node.name()).cloned().unwrap_or_default();
        let held = found.remove(node.name().as_str()).unwrap_or_default();
        if told != held {
            return Err(format!(
                "{}: the journal says {told:?}, and it holds {held:?}",
                node.name()
            ));
        }
    }
    Ok(())
}

/// Of a history, neither the ends of validity count nor inferred rows.
fn contents_query(lake: &Lake, node: &Node) -> String {
    let contract = &node.file.contract;
    let is_history = node.build() == BuildKind::History;
    let hashed: Vec<&str> = columns(node)
        .into_iter()
        .filter(|name| !is_history || Some(*name) != contract.valid_to.as_deref())
        .collect();
    let partition = match node.partition_column() {
        Some(column) => format!("cast({column} as date)"),
        None => "cast(null as date)".to_owned(),
    };
    let condition = if is_history { "hashdiff <> 'inferred'" } else { "true" };
    let hash = lake.warehouse.hash_sum_expression(&hashed);
    format!(
        "select '{name}', {partition}, {hash}, count(*) from {name} where {condition} group by 2",
        name = node.name()
    )
}
