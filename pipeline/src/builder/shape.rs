//! Whether queries and tables have the columns that the contracts say, before anything is built.

use std::collections::BTreeSet;

use crate::{
    contract::{BuildKind, TableName},
    diagnostic::FileError,
    dialect::Dialect,
    graph::{Graph, Node, sample_parameters},
    sql::bind,
    warehouse::{DescribedColumn, Session, Warehouse, WarehouseError},
};

/// Why the shape of the warehouse is not right.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// A query and its contract, or a query and the tables that it reads, do not fit.
    #[error(transparent)]
    File(#[from] FileError),
    /// A statement failed that is not the user's.
    #[error(transparent)]
    Statement(#[from] WarehouseError),
}

/// The statements that make the schemas and the tables, if they are not there.
pub fn definitions(dialect: &dyn Dialect, graph: &Graph) -> Vec<String> {
    let layers: BTreeSet<&str> = graph.in_order().map(|node| node.name().layer()).collect();
    let schemas = layers.into_iter().chain(["raw"]);
    let schemas = schemas.map(|schema| format!("create schema if not exists {schema}"));
    let tables = graph.in_order().filter(|node| node.build() != BuildKind::View).map(|node| {
        let columns = node.file.contract.columns.iter();
        let columns: Vec<_> = columns.map(|(name, column)| (name.as_str(), column)).collect();
        dialect.create_table(node.name().as_str(), &columns)
    });
    schemas.chain(tables).collect()
}

/// Makes schemas and tables, if they are not there.
pub fn create(warehouse: &dyn Warehouse, graph: &Graph) -> Result<(), WarehouseError> {
    let mut session = warehouse.session()?;
    definitions(warehouse.dialect(), graph)
        .iter()
        .try_for_each(|statement| session.execute(statement))
}

/// The tables whose columns are not the contract's; they must be made anew. Nothing is written.
pub fn misshapen(
    warehouse: &dyn Warehouse,
    graph: &Graph,
) -> Result<BTreeSet<TableName>, WarehouseError> {
    let found = warehouse.tables()?;
    let is_misshapen = |node: &&Node| {
        let found = found.get(node.name().as_str());
        node.build() != BuildKind::View
            && found.is_some_and(|found| !has_contract_columns(warehouse, node, &found.columns))
    };
    Ok(graph.in_order().filter(is_misshapen).map(|node| node.name().clone()).collect())
}

fn has_contract_columns(warehouse: &dyn Warehouse, node: &Node, found: &[DescribedColumn]) -> bool {
    let columns = &node.file.contract.columns;
    columns.len() == found.len()
        && columns.iter().zip(found).all(|((name, column), found)| {
            let wanted = warehouse.dialect().type_name(column.kind).replace(' ', "");
            *name == found.name && wanted.eq_ignore_ascii_case(&found.type_name.replace(' ', ""))
        })
}

/// Asks the engine what each query would return, over tables that have the contracts' columns and
/// no rows, and compares that with the contract. `scratch` is an empty warehouse of the same engine.
pub fn check_queries(scratch: &dyn Warehouse, graph: &Graph) -> Result<(), ShapeError> {
    create(scratch, graph)?;
    let mut session = scratch.session()?;
    for source in graph.sources() {
        session.execute(&scratch.dialect().raw_view(source.table(), &[]))?;
    }
    for node in graph.in_order().filter(|node| node.build() != BuildKind::Seed) {
        check_query(scratch, session.as_mut(), node)?;
        if node.build() == BuildKind::View {
            let query = node.file.query();
            session.execute(&format!("create or replace view {} as\n{query}", node.name()))?;
        }
    }
    Ok(())
}

fn check_query(
    warehouse: &dyn Warehouse,
    session: &mut dyn Session,
    node: &Node,
) -> Result<(), ShapeError> {
    let file = &node.file;
    let bound = bind::bind(file.query(), &sample_parameters(&node.parameters))
        .map_err(|e| file.error_in_query(0..0, e.to_string()))?;
    let described = session.describe(&bound.text).map_err(|error| {
        let at = bound.source_offset(error.offset().unwrap_or(0));
        let rest = file.query().get(at..).unwrap_or_default();
        let word = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
        file.error_in_query(at..at + word.max(1), error.to_string())
            .with_help("`lakebed check` may know what to write instead")
    })?;
    compare_columns(warehouse, node, &described)?;
    Ok(())
}

/// The query returns the contract's columns, in its order, with types that fit.
fn compare_columns(
    warehouse: &dyn Warehouse,
    node: &Node,
    described: &[DescribedColumn],
) -> Result<(), FileError> {
    const ORDER: &str = "let the last `select` list every column in the contract's order";
    let file = &node.file;
    let columns = &file.contract.columns;
    for (position, (name, column)) in columns.iter().enumerate() {
        let Some(found) = described.get(position) else {
            let message =
                format!("the contract has a column `{name}`, and the query does not return it");
            let returned = names(described);
            return Err(file
                .error_at_column(name, message)
                .with_help(format!("{ORDER}; it returns {returned}")));
        };
        if found.name != *name {
            let message = format!(
                "column {} is `{name}` in the contract and `{}` in the query",
                position + 1,
                found.name
            );
            return Err(file.error_at_column(name, message).with_help(ORDER));
        }
        if !warehouse.dialect().fits(column.kind, &found.type_name) {
            let kind = format!("{:?}", column.kind).to_uppercase();
            let returned = &found.type_name;
            let message = format!(
                "column `{name}` is {kind} in the contract, and the query returns {returned}"
            );
            return Err(file.error_at_column(name, message).with_help(format!(
                "write the type that the query returns, or `cast(… as {kind})` in the query"
            )));
        }
    }
    let Some(extra) = described.get(columns.len()) else { return Ok(()) };
    let message = format!("the query returns `{}`, which the contract does not have", extra.name);
    Err(file.error_in_query(0..0, message).with_help(format!(
        "add `{} = {{ type = \"…\" }}` under [columns], or leave it out of the last `select`",
        extra.name
    )))
}

fn names(columns: &[DescribedColumn]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}
