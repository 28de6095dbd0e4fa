//! A project: the sources, the tables and the functions under `layers/`, and `scenarios/`.
//!
//! Not for: what the tables mean together (`graph`).

mod files;

use std::{collections::BTreeMap, path::Path, path::PathBuf, sync::Arc};

use crate::{
    contract::{BuildKind, TableName, file::TableFile, source::SourceContract},
    diagnostic::FileError,
};

pub use files::ProjectFiles;

/// The layers in the order in which data goes through them; seeds may be read by all.
pub const LAYERS: [&str; 6] = ["raw", "seed", "standardized", "vault", "dimensional", "mart"];

/// A source with its contract.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where its file is, relative to the project.
    pub path: PathBuf,
    /// The whole file.
    pub text: Arc<str>,
    /// What it says.
    pub contract: SourceContract,
}

/// Everything that a project's files say, each read and checked on its own.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// By name, such as `mobile_events`.
    pub sources: BTreeMap<String, Source>,
    /// By name, such as `vault.hub_user`.
    pub tables: BTreeMap<TableName, TableFile>,
    /// The text of `layers/functions/duckdb.sql`.
    pub duckdb_functions: Arc<str>,
    /// The text of `layers/functions/bigquery.sql`.
    pub bigquery_functions: Arc<str>,
    /// The text of `layers/functions/spark.sql`.
    pub spark_functions: Arc<str>,
    /// By name: the text of `scenarios/<name>.toml`.
    pub scenarios: BTreeMap<String, Arc<str>>,
}

impl Project {
    /// Reads the files: `layers/<layer>/<table>.sql`, `layers/raw/<source>.toml` and the rest.
    pub fn parse(files: &ProjectFiles) -> Result<Self, FileError> {
        let (project, errors) = Self::parse_all(files);
        errors.into_iter().next().map_or(Ok(project), Err)
    }

    /// As `parse`, going on after errors: what could be read, and everything that is wrong.
    pub fn parse_all(files: &ProjectFiles) -> (Self, Vec<FileError>) {
        let mut project = Self::default();
        let mut errors = Vec::new();
        for (path, text) in files.iter() {
            errors.extend(project.add(path, text.clone()).err());
        }
        for file in project.tables.values_mut().filter(|t| t.contract.build == BuildKind::Seed) {
            let csv = file.path.with_extension("csv");
            file.seed_csv = files.get(&csv).cloned();
            if file.seed_csv.is_none() {
                errors.push(
                    file.error_at(
                        "build",
                        format!("the seed has no rows: {} is missing", csv.display()),
                    )
                    .with_help("put the rows there, as CSV with a header"),
                );
            }
        }
        (project, errors)
    }

    fn add(&mut self, path: &Path, text: Arc<str>) -> Result<(), FileError> {
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        match parts.as_slice() {
            ["layers", "functions", "duckdb.sql"] => self.duckdb_functions = text,
            ["layers", "functions", "bigquery.sql"] => self.bigquery_functions = text,
            ["layers", "functions", "spark.sql"] => self.spark_functions = text,
            ["scenarios", file] => {
                if let Some(name) = file.strip_suffix(".toml") {
                    self.scenarios.insert(name.to_owned(), text);
                }
            }
            ["layers", "raw", file] => {
                if let Some(name) = file.strip_suffix(".toml") {
                    let contract = SourceContract::parse(path, &text)?;
                    let source = Source { path: path.to_path_buf(), text, contract };
                    self.sources.insert(name.to_owned(), source);
                }
            }
            ["layers", layer, file] if LAYERS.contains(layer) => {
                let Some(table) = file.strip_suffix(".sql") else { return Ok(()) };
                let Some(name) = TableName::parse(&format!("{layer}.{table}")) else {
                    return Err(FileError::new(
                        path,
                        &text,
                        0..0,
                        "the file's name is no table's name",
                    )
                    .with_help("use lower case, digits and `_`"));
                };
                self.tables.insert(name.clone(), TableFile::parse(name, path, text)?);
            }
            ["layers", file] if file.ends_with(".sql") || file.ends_with(".toml") => {
                let message = "a table's file lies in the folder of its layer";
                return Err(FileError::new(path, &text, 0..0, message)
                    .with_help(format!("the layers are {}", LAYERS.join(", "))));
            }
            ["layers", layer, file] if file.ends_with(".sql") && *layer != "functions" => {
                return Err(FileError::new(
                    path,
                    &text,
                    0..0,
                    format!("there is no layer `{layer}`"),
                )
                .with_help(format!("the layers are {}", LAYERS.join(", "))));
            }
            _ => {}
        }
        Ok(())
    }

    /// The sources' parameters under their whole names, such as `raw.mobile_events.max_skew_days`.
    pub fn source_parameters(&self) -> BTreeMap<String, i64> {
        self.sources
            .iter()
            .flat_map(|(source, file)| {
                let parameters = &file.contract.parameters;
                parameters.iter().map(move |(name, value)| (format!("raw.{source}.{name}"), *value))
            })
            .collect()
    }
}
