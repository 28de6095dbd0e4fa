//! The rows of a raw object, for tests.

use arrow::{
    array::AsArray,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A message as it stands in raw.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Row {
    pub message_id: String,
    /// Microseconds since 1970.
    pub published_at: i64,
    /// Microseconds since 1970.
    pub received_at: i64,
    pub source: String,
    /// A JSON object.
    pub attributes: String,
    pub payload: Vec<u8>,
}

/// Reads an object, which must have the columns of raw and no others.
pub fn rows(object: Bytes) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    let schema = reader.schema();
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    let types: Vec<_> =
        schema.fields().iter().map(|f| (f.name().as_str(), f.data_type())).collect();
    assert_eq!(
        types,
        [
            ("message_id", &DataType::Utf8),
            ("published_at", &timestamp),
            ("received_at", &timestamp),
            ("source", &DataType::Utf8),
            ("attributes", &DataType::Utf8),
            ("payload", &DataType::Binary),
        ]
    );
    assert!(schema.fields().iter().all(|field| !field.is_nullable()));
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let text =
            |column: usize, row| batch.column(column).as_string::<i32>().value(row).to_owned();
        let instant = |column: usize, row| {
            batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row)
        };
        for row in 0..batch.num_rows() {
            rows.push(Row {
                message_id: text(0, row),
                published_at: instant(1, row),
                received_at: instant(2, row),
                source: text(3, row),
                attributes: text(4, row),
                payload: batch.column(5).as_binary::<i32>().value(row).to_vec(),
            });
        }
    }
    rows
}
