//! Which tables there are for a query to read.

use crate::{
    contract::TableName,
    project::{LAYERS, Project},
};

/// Why a table may not be read.
#[derive(Clone, Debug)]
pub struct TableReadError {
    /// Whether the table is there, in a layer that may not be read.
    pub is_layer: bool,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// The table of a name, if it exists and `own` may read it. Without `own` any layer may be read.
pub fn table_read(
    own: Option<&TableName>,
    name: &str,
    project: &Project,
) -> Result<TableName, TableReadError> {
    let is_known = |table: &TableName| {
        project.tables.contains_key(table)
            || (table.layer() == "raw" && project.sources.contains_key(table.table()))
    };
    let Some(table) = TableName::parse(name).filter(is_known) else {
        return Err(TableReadError {
            is_layer: false,
            message: format!("there is no table `{name}`"),
            help: similar_name(name, project),
        });
    };
    let rank = |layer: &str| LAYERS.iter().position(|known| *known == layer).unwrap_or(0);
    let read = table.layer();
    let Some(own) = own.map(TableName::layer) else { return Ok(table) };
    let is_allowed = read == "seed"
        || read == own
        || rank(read) + 1 == rank(own)
        || (own == "standardized" && read == "raw");
    if is_allowed {
        return Ok(table);
    }
    let below = LAYERS[rank(own).saturating_sub(1)];
    Err(TableReadError {
        is_layer: true,
        message: format!("a table of layer `{own}` may not read layer `{read}`"),
        help: format!("it may read `{below}`, `{own}` and `seed`"),
    })
}

fn similar_name(name: &str, project: &Project) -> String {
    let table = name.rsplit('.').next().unwrap_or(name);
    let sources = project.sources.keys().map(|source| TableName::new("raw", source));
    let mut all: Vec<TableName> = project.tables.keys().cloned().chain(sources).collect();
    let shared = |candidate: &TableName| {
        let other = candidate.table();
        other.chars().zip(table.chars()).take_while(|(a, b)| a == b).count()
    };
    all.sort_by_key(|candidate| std::cmp::Reverse(shared(candidate)));
    all.first().map_or_else(
        || "the project has no tables".to_owned(),
        |best| format!("did you mean `{best}`? `lakebed show` lists the tables"),
    )
}
