//! The texts of statements that are priced and never sent.
//!
//! They read the columns that BigQuery's texts read; an adapter has those.

use crate::{contract::ColumnType, dialect::Dialect};

/// BigQuery's, as far as bytes hang on them.
#[derive(Clone, Copy, Debug, Default)]
pub struct PricedTexts;

impl Dialect for PricedTexts {
    fn type_name(&self, kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::String => "STRING",
            ColumnType::Int64 => "INT64",
            ColumnType::Float64 => "FLOAT64",
            ColumnType::Bool => "BOOL",
            ColumnType::Date => "DATE",
            ColumnType::Timestamp => "TIMESTAMP",
            ColumnType::Bytes => "BYTES",
            ColumnType::Numeric => "NUMERIC",
            ColumnType::Json => "JSON",
        }
    }

    fn fits(&self, kind: ColumnType, type_name: &str) -> bool {
        self.type_name(kind) == type_name
    }

    fn hash_sum_expression(&self, columns: &[(&str, Option<ColumnType>)]) -> String {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        format!(
            "cast(sum(cast(farm_fingerprint(to_json_string(struct({}))) as NUMERIC)) as STRING)",
            names.join(", ")
        )
    }

    fn hash_version(&self) -> String {
        "priced".to_owned()
    }

    fn raw_view(&self, source: &str, _locators: &[String]) -> String {
        format!("create or replace view raw.{source} as select 1")
    }

    fn raw_objects(&self, source: &str, _locators: &[String]) -> String {
        format!("create or replace temp view {source} as select 1")
    }

    fn export(&self, query: &str, file: &str) -> String {
        format!("export data options (uri = '{file}', format = 'PARQUET') as\n{query}")
    }

    fn file_rows(&self, _files: &[String], _columns: &[(String, ColumnType)]) -> String {
        "unnest([])".to_owned()
    }
}
