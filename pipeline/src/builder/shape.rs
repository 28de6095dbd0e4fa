//! Whether queries and tables have the columns that the contracts say, before anything is built.

use std::collections::BTreeSet;

use crate::{
    check::agreement,
    contract::{BuildKind, TableName, file::TableFile},
    diagnostic::FileError,
    dialect::Dialect,
    graph::{Graph, Node, sample_parameters},
    port_error::PortError,
    portable::types::Type,
    query::{
        Facts, Problem,
        relation::{Column, Relation},
    },
    rules::{contract, names},
    sql::bind,
    warehouse::{DescribedColumn, Session, Warehouse},
};

/// Why the shape of the warehouse is not right.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// A query and its contract, or a query and the tables that it reads, do not fit.
    #[error(transparent)]
    File(#[from] FileError),
    /// A statement failed that is not the user's.
    #[error(transparent)]
    Statement(#[from] PortError),
}

/// The statements that make the schemas and the tables, if they are not there.
pub fn definitions(dialect: &dyn Dialect, graph: &Graph) -> Vec<String> {
    let layers: BTreeSet<&str> = graph.in_order().map(|node| node.name().layer()).collect();
    let schemas = layers.into_iter().chain(["raw"]);
    let schemas = schemas.map(|schema| format!("create schema if not exists {schema}"));
    let tables = graph.in_order().filter(|node| node.build() != BuildKind::View);
    schemas.chain(tables.map(|node| definition(dialect, node))).collect()
}

/// The statement that makes a table with the columns of a contract, if it is not there.
fn definition(dialect: &dyn Dialect, node: &Node) -> String {
    let columns = node.file.contract.columns.iter();
    let columns: Vec<_> = columns.map(|(name, column)| (name.as_str(), column)).collect();
    dialect.create_table(node.name().as_str(), &columns)
}

/// Makes schemas and tables, if they are not there.
pub fn create(warehouse: &dyn Warehouse, graph: &Graph) -> Result<(), PortError> {
    let mut session = warehouse.session()?;
    session.execute_all(&definitions(warehouse.dialect(), graph))
}

/// The tables whose columns are not the contract's; they must be made anew. Nothing is written.
pub fn misshapen(
    warehouse: &dyn Warehouse,
    graph: &Graph,
) -> Result<BTreeSet<TableName>, PortError> {
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

/// The queries of which an engine has to be asked whether it takes them, and what they return: those
/// that use what is outside of the portable subset, or a function of the project's own. Each other one
/// returns the columns of its contract, or that is the error.
pub fn doubtful(graph: &Graph) -> Result<Vec<&Node>, FileError> {
    let mut doubtful = Vec::new();
    for node in graph.in_order().filter(|node| node.build() != BuildKind::Seed) {
        if node.facts.is_understood() {
            agrees(node, &node.facts)?;
        } else {
            doubtful.push(node);
        }
    }
    Ok(doubtful)
}

/// Asks an engine what these queries would return, over tables that have the contracts' columns and
/// no rows, and compares that with the contracts. `scratch` is an empty warehouse of the same engine.
pub fn ask(scratch: &dyn Warehouse, graph: &Graph, queries: &[&Node]) -> Result<(), ShapeError> {
    create(scratch, graph)?;
    let mut session = scratch.session()?;
    for source in graph.sources() {
        session.execute(&scratch.dialect().raw_view(source.table(), &[]))?;
    }
    for view in graph.in_order().filter(|node| node.build() == BuildKind::View) {
        session.execute(&definition(scratch.dialect(), view))?;
    }
    queries.iter().try_for_each(|node| ask_of(scratch, session.as_mut(), node))
}

fn ask_of(
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
        let in_file = file.query_span().start + at;
        // What is known of the place says it in the words of the project, and what was meant.
        let known = node.facts.problems.iter().find(|problem| {
            problem.place.contains(&in_file)
                && names::RULES.iter().any(|rule| rule.code == problem.rule.code)
        });
        known.map_or_else(
            || {
                file.error_in_query(at..at + word.max(1), error.to_string())
                    .with_help("`lakebed check` may know what to write instead")
            },
            |problem| file_error(file, problem),
        )
    })?;
    let columns = described.iter().map(|column| Column::new(column.name.clone(), Type::Unknown));
    let rows = Relation { columns: columns.collect(), ..Relation::default() };
    let listed = node.facts.listed.clone();
    agrees(node, &Facts { rows, listed, ..Facts::default() })?;
    for ((name, column), found) in file.contract.columns.iter().zip(&described) {
        if !warehouse.dialect().fits(column.kind, &found.type_name) {
            let kind = Type::from(column.kind);
            let returned = &found.type_name;
            let message = format!(
                "column `{name}` is {kind} in the contract, and the query returns {returned}"
            );
            let help = format!(
                "write the type that the query returns, or `cast(… as {kind})` in the query"
            );
            return Err(file.error_at_column(name, message).with_help(help).into());
        }
    }
    Ok(())
}

/// That a column may be NULL is seen when it is: some of them never are.
fn agrees(node: &Node, facts: &Facts) -> Result<(), FileError> {
    let of_shape = [&contract::COLUMNS, &contract::COLUMN_TYPE];
    let problems = agreement(&node.file, facts);
    let problem = problems.iter().find(|p| of_shape.iter().any(|rule| rule.code == p.rule.code));
    problem.map_or(Ok(()), |problem| Err(file_error(&node.file, problem)))
}

fn file_error(file: &TableFile, problem: &Problem) -> FileError {
    let Problem { place, message, .. } = problem;
    FileError::new(&file.path, &file.text, place.clone(), message.clone())
        .with_help(problem.instead())
}
