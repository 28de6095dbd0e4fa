//! Messages as a Parquet object, and the object's key. Both follow from the messages alone, so
//! that the same messages, archived twice, are one object.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{AsArray, BinaryBuilder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType},
    error::ArrowError,
};
use bytes::Bytes;
use jiff::civil::Date;
use parquet::{
    arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use thiserror::Error;

use crate::{
    bus::{Attributes, Message},
    clock::MicrosUtc,
};

/// Hexadecimal digits of an object's name: 128 bits, so that names never meet by chance.
const NAME_DIGIT_COUNT: usize = 32;

/// Rows could not become Parquet, or be read back.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// Arrow refused the columns.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// Parquet refused the batch.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// The columns of raw. The load date stands in the key only.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    Arc::new(Schema::new(vec![
        Field::new("message_id", DataType::Utf8, false),
        Field::new("published_at", timestamp.clone(), false),
        Field::new("received_at", timestamp, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("attributes", DataType::Utf8, false),
        Field::new("payload", DataType::Binary, false),
    ]))
});

/// The object's bytes and its number of rows: one per message, in the order of `published_at`, then of
/// their ids. Any total order would do; in this one, messages of one batch stand side by side.
pub fn encode_object(
    source: &str,
    mut messages: Vec<Message>,
) -> Result<(Bytes, usize), EncodeError> {
    messages.sort_by(|left, right| {
        (left.published_at, &left.message_id).cmp(&(right.published_at, &right.message_id))
    });
    // The bus may deliver a message twice.
    messages.dedup_by(|left, right| left.message_id == right.message_id);
    let batch = record_batch(source, &messages)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&SCHEMA), Some(properties()?))?;
    writer.write(&batch)?;
    Ok((Bytes::from(writer.into_inner()?), messages.len()))
}

/// Reads all of an object, to say whether it is what `encode_object` wrote.
pub fn check_object(bytes: Bytes) -> Result<(), EncodeError> {
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        batch?;
    }
    Ok(())
}

/// What an object says of a message beside its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArchivedMessage {
    /// Given by the bus.
    pub message_id: String,
    /// Its date is the load date.
    pub published_at: MicrosUtc,
    /// As the publisher said.
    pub attributes: BTreeMap<String, String>,
}

/// What an object says of its messages, without reading the payloads.
pub fn message_attributes(bytes: Bytes) -> Result<Vec<ArchivedMessage>, EncodeError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let columns = ["message_id", "published_at", "attributes"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let mut messages = Vec::new();
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let [ids, times, attributes] = [0, 1, 2].map(|column| batch.column(column));
        let (ids, attributes) = (ids.as_string::<i32>(), attributes.as_string::<i32>());
        let times = times.as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            messages.push(ArchivedMessage {
                message_id: ids.value(row).to_owned(),
                published_at: MicrosUtc(times.value(row)),
                attributes: serde_json::from_str(attributes.value(row))
                    .map_err(|error| ArrowError::JsonError(error.to_string()))?,
            });
        }
    }
    Ok(messages)
}

/// `<source>/load_date=YYYY-MM-DD/<hash of the bytes>.parquet`.
pub fn object_key(source: &str, load_date: Date, bytes: &[u8]) -> String {
    let hash = blake3::hash(bytes).to_hex();
    format!("{source}/load_date={load_date}/{}.parquet", &hash[..NAME_DIGIT_COUNT])
}

/// The load date of an object, by its key; `None` if the key is not `object_key`'s.
pub fn load_date(key: &str) -> Option<Date> {
    key.split('/').nth(1)?.strip_prefix("load_date=")?.parse().ok()
}

fn record_batch(source: &str, messages: &[Message]) -> Result<RecordBatch, ArrowError> {
    let count = messages.len();
    let payload_bytes = messages.iter().map(|message| message.payload.len()).sum();
    let mut message_ids = StringBuilder::with_capacity(count, count * 20);
    let mut published_ats = TimestampMicrosecondBuilder::with_capacity(count);
    let mut received_ats = TimestampMicrosecondBuilder::with_capacity(count);
    let mut sources = StringBuilder::with_capacity(count, count * source.len());
    let mut attributes = StringBuilder::with_capacity(count, count * 64);
    let mut payloads = BinaryBuilder::with_capacity(count, payload_bytes);
    let mut last: Option<(&Attributes, String)> = None;
    for message in messages {
        message_ids.append_value(&message.message_id.0);
        published_ats.append_value(message.published_at.0);
        received_ats.append_value(message.received_at.0);
        sources.append_value(source);
        // Messages of one batch share their attributes, and stand side by side.
        let (_, text) = match last.take() {
            Some(last) if Arc::ptr_eq(last.0, &message.attributes) => last,
            _ => (&message.attributes, attributes_json(&message.attributes)?),
        };
        attributes.append_value(&text);
        last = Some((&message.attributes, text));
        payloads.append_value(&message.payload);
    }
    RecordBatch::try_new(
        Arc::clone(&SCHEMA),
        vec![
            Arc::new(message_ids.finish()),
            Arc::new(published_ats.finish()),
            Arc::new(received_ats.finish()),
            Arc::new(sources.finish()),
            Arc::new(attributes.finish()),
            Arc::new(payloads.finish()),
        ],
    )
}

/// A JSON object with sorted keys.
fn attributes_json(attributes: &Attributes) -> Result<String, ArrowError> {
    serde_json::to_string(&**attributes).map_err(|error| ArrowError::JsonError(error.to_string()))
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let payload = ColumnPath::from("payload");
    Ok(WriterProperties::builder()
        // Named without a version, so that the same messages are the same bytes after an upgrade
        // of the library, as long as it encodes alike.
        .set_created_by("lakebed".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_column_dictionary_enabled(payload.clone(), false)
        .set_column_statistics_enabled(payload, EnabledStatistics::None)
        .set_column_dictionary_enabled(ColumnPath::from("message_id"), false)
        .build())
}
