//! Finds the raw object that made a build fail: engines do not always name it.

use futures::TryStreamExt;

use super::open;
use crate::{
    archiver::check_object,
    builder::{BuildError, BuildReport, TableOutcome},
    data_folder::DataFolder,
    graph::Graph,
};

/// A raw object that cannot be read.
pub struct Damaged {
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The first damaged object among those that a failed table reads.
pub fn find(data: &DataFolder, graph: &Graph, report: &BuildReport) -> Option<Damaged> {
    let failed = report.tables.iter().filter(|(_, table)| {
        matches!(table.outcome, TableOutcome::Failed(BuildError::Statement(_)))
    });
    let inputs = failed.filter_map(|(name, _)| graph.get(name)).flat_map(|node| &node.inputs);
    let sources = inputs.map(|input| &input.table).filter(|table| table.layer() == "raw");
    let store = open::raw_store_to_read(data).ok()?;
    open::runtime().ok()?.block_on(async {
        for source in sources {
            let prefix = format!("{}/", source.table());
            let mut objects = store.list(&prefix);
            while let Some(object) = objects.try_next().await.ok()? {
                let bytes = store.get(&object.key).await.ok()?;
                if let Err(error) = check_object(bytes) {
                    return Some(Damaged { key: object.key, detail: error.to_string() });
                }
            }
        }
        None
    })
}
