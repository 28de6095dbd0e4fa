//! Hands the inputs of a query to an engine as files, and its rows back to the warehouse.

use super::{Area, Columns, Engine, EngineQuery, Exchange, InputRows, InputTable};
use crate::{
    contract::{ColumnType, TableName, source::RAW_COLUMNS},
    error_kind::ErrorKind,
    graph::{Graph, Node},
    plan::window::Window,
    port_error::PortError,
    recipe::{RawObjects, raw},
    sql::reads::tables_read,
    warehouse::{Session, Warehouse},
};

/// An engine beside the warehouse, and what it needs to know of the project.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The tables.
    pub graph: &'a Graph,
    /// What the run reads of the raw layer.
    pub raw: &'a RawObjects,
    /// Where rows are exchanged; nothing stays there.
    pub exchange: &'a dyn Exchange,
}

/// The rows of a query that an engine has run.
pub struct ExchangedRows {
    /// A query of the warehouse that gives them.
    pub select: String,
    /// SHA-256 of the text that the engine got.
    pub sha256: String,
    /// Where the files are; they go when nobody needs them.
    _area: Box<dyn Area>,
}

impl Outside<'_> {
    /// Whether the table's query runs there.
    pub fn takes(&self, node: &Node) -> bool {
        node.file.runs_on(self.engine.name())
    }

    /// Runs the bound query of a table. What it reads comes out of `session`, so that it is what the
    /// transaction sees.
    pub fn rows(
        &self,
        warehouse: &dyn Warehouse,
        session: &mut dyn Session,
        (node, window): (&Node, Window),
        text: &str,
    ) -> Result<ExchangedRows, PortError> {
        let area = self.exchange.area()?;
        let names = tables_read(text).map_err(|error| {
            PortError::new(ErrorKind::Bug, format!("the query was read before: {error}"))
        })?;
        let mut inputs = Vec::new();
        for name in names.iter().filter_map(|name| TableName::parse(name)) {
            inputs.push(match self.graph.get(&name) {
                None => self.raw_input((node, window), name),
                Some(input) => {
                    let reads = Reads { node, window, input };
                    export(warehouse, session, &reads, area.as_ref())?
                }
            });
        }
        let columns = columns(node);
        let place = area.place("rows")?;
        let query = EngineQuery { text, inputs: &inputs, columns: &columns, place: &place };
        let found = self.engine.run(&query)?;
        let listed: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let rows = warehouse.dialect().file_rows(&found.files, &columns);
        let select = format!("select {} from {rows}", listed.join(", "));
        Ok(ExchangedRows { select, sha256: found.sha256, _area: area })
    }

    fn raw_input(&self, (node, window): (&Node, Window), name: TableName) -> InputTable {
        let columns = RAW_COLUMNS.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
        let objects = self.raw.get(&name);
        let objects = objects.into_iter().flat_map(|all| raw::in_reach(node, (&name, all), window));
        let rows = InputRows::Files(objects.cloned().collect());
        InputTable { name, columns, rows }
    }
}

/// What a build of a window of one table reads of another.
struct Reads<'a> {
    node: &'a Node,
    window: Window,
    input: &'a Node,
}

impl Reads<'_> {
    /// The partitions in reach; all of them where that is no range of days of its partitions.
    fn predicate(&self) -> String {
        let all = "true".to_owned();
        let Some((first, last)) = raw::reach(self.node, self.input.name(), self.window) else {
            return all;
        };
        let Some(column) = self.input.partition_column() else { return all };
        let is_date = self.input.file.contract.columns[column].kind == ColumnType::Date;
        if self.input.content != self.node.window || !is_date {
            return all;
        }
        format!("{column} between date '{first}' and date '{last}'")
    }
}

/// Writes what is read of a table into a place.
fn export(
    warehouse: &dyn Warehouse,
    session: &mut dyn Session,
    reads: &Reads<'_>,
    area: &dyn Area,
) -> Result<InputTable, PortError> {
    let name = reads.input.name().clone();
    let columns = columns(reads.input);
    let listed: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let select = format!("select {} from {name} where {}", listed.join(", "), reads.predicate());
    let place = area.place(name.as_str())?;
    session.execute(&warehouse.dialect().export(&select, &place))?;
    Ok(InputTable { name, columns, rows: InputRows::Place(place) })
}

fn columns(node: &Node) -> Columns {
    let columns = node.file.contract.columns.iter();
    columns.map(|(name, column)| (name.clone(), column.kind)).collect()
}
