//! How messages rest in the storage: in blocks of many, since one row per message would cost
//! more than the messages. Within a block, neighbours with the same header share it.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use lakebed_ports::{
    bus::{Attributes, Message, MessageId},
    clock::MicrosUtc,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A message without its id, which follows from its place.
#[derive(Clone, Debug)]
pub struct BlockMessage {
    pub header: Header,
    pub payload: Bytes,
}

/// What neighbours often have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    pub published_at: MicrosUtc,
    pub received_at: MicrosUtc,
    pub ordering_key: Option<Arc<str>>,
    pub attributes: Attributes,
}

#[derive(Serialize, Deserialize)]
struct StoredGroup<'a> {
    published_at: MicrosUtc,
    received_at: MicrosUtc,
    #[serde(borrow)]
    ordering_key: Option<&'a str>,
    attributes: Cow<'a, BTreeMap<String, String>>,
    #[serde(borrow)]
    payloads: Vec<Payload<'a>>,
}

/// Serialises as bytes, not as a sequence of numbers.
struct Payload<'a>(&'a [u8]);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = &'de [u8];
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }
            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<&'de [u8], E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Visitor).map(Payload)
    }
}

/// The bytes of a block of messages.
pub fn encode(messages: &[BlockMessage]) -> Result<Vec<u8>, postcard::Error> {
    let groups: Vec<StoredGroup<'_>> = messages
        .chunk_by(|left, right| {
            left.header.published_at == right.header.published_at
                && left.header.received_at == right.header.received_at
                && Arc::ptr_eq(&left.header.attributes, &right.header.attributes)
                && left.header.ordering_key == right.header.ordering_key
        })
        .map(|group| StoredGroup {
            published_at: group[0].header.published_at,
            received_at: group[0].header.received_at,
            ordering_key: group[0].header.ordering_key.as_deref(),
            attributes: Cow::Borrowed(&group[0].header.attributes),
            payloads: group.iter().map(|message| Payload(&message.payload)).collect(),
        })
        .collect();
    let size_hint = messages.iter().map(|message| message.payload.len() + 16).sum();
    postcard::to_extend(&groups, Vec::with_capacity(size_hint))
}

/// The messages of a block whose first has the sequence number `first_sequence`, with ids that begin
/// with the topic's prefix. Payloads share the block's memory.
pub fn decode(
    id_prefix: &str,
    first_sequence: u64,
    block: &Bytes,
) -> Result<Vec<Message>, postcard::Error> {
    let groups: Vec<StoredGroup<'_>> = postcard::from_bytes(block)?;
    let mut messages = Vec::with_capacity(groups.iter().map(|group| group.payloads.len()).sum());
    for group in groups {
        let ordering_key: Option<Arc<str>> = group.ordering_key.map(Arc::from);
        let attributes = Arc::new(group.attributes.into_owned());
        for payload in group.payloads {
            messages.push(Message {
                message_id: message_id(id_prefix, first_sequence + messages.len() as u64),
                published_at: group.published_at,
                received_at: group.received_at,
                ordering_key: ordering_key.clone(),
                attributes: Arc::clone(&attributes),
                payload: block.slice_ref(payload.0),
            });
        }
    }
    Ok(messages)
}

/// Zero-padded, so that a topic's ids sort as text in the order of publication.
pub fn message_id(id_prefix: &str, sequence: u64) -> MessageId {
    MessageId(format!("{id_prefix}{sequence:020}"))
}
