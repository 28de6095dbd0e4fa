//! Reads small results as text.

use arrow::{
    datatypes::SchemaRef,
    util::display::{ArrayFormatter, FormatOptions},
};

use super::QueryResult;
use crate::{error_kind::ErrorKind, port_error::PortError};

impl QueryResult {
    /// The rows as text, NULL as `None`. For the pipeline's own bookkeeping, not for bulk.
    pub fn text_rows(&self) -> Result<Vec<Vec<Option<String>>>, PortError> {
        let unreadable =
            |e: arrow::error::ArrowError| PortError::new(ErrorKind::Bug, e.to_string());
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in &self.batches {
            let columns = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).map(|f| (column, f)))
                .collect::<Result<Vec<_>, _>>()
                .map_err(unreadable)?;
            for row in 0..batch.num_rows() {
                let cell = |(column, text): &(&arrow::array::ArrayRef, ArrayFormatter<'_>)| {
                    (!column.is_null(row)).then(|| text.value(row).to_string())
                };
                rows.push(columns.iter().map(cell).collect());
            }
        }
        Ok(rows)
    }

    /// The one number of a query that counts.
    pub fn count(&self) -> Result<i64, PortError> {
        let rows = self.text_rows()?;
        let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_ref);
        cell.and_then(|text| text.parse().ok())
            .ok_or_else(|| PortError::new(ErrorKind::Bug, "the query returned no number"))
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
    }

    /// The schema of the rows.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
