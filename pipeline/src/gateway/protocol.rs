//! The frames that phones and gateway exchange, as `docs/gateway-protocol.md` describes them.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::clock::MicrosUtc;

/// The protocol's version.
pub const PROTOCOL: u32 = 1;

/// The longest ordering key that every bus takes.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest name of a client that every bus takes as an attribute.
pub const CLIENT_BYTES_MAX: usize = 256;

/// Close code: the server goes away.
pub const CLOSE_AWAY: u16 = 1001;
/// Close code: the client broke a rule.
pub const CLOSE_POLICY: u16 = 1008;
/// Close code: the frame was too large to read.
pub const CLOSE_SIZE: u16 = 1009;

/// What a client says in text frames.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first frame.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Shows that the client may send.
        token: String,
        /// What software the client is; kept as an attribute of its messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
}

/// What the gateway says; all in text frames.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to a good hello.
    Welcome {
        /// The largest batch, in bytes.
        frame_bytes_max: usize,
        /// Beyond this many the gateway stops reading.
        unacknowledged_batches_max: usize,
    },
    /// The bus holds the batch.
    Acknowledged {
        /// The client's number of the batch.
        batch: u64,
        /// Its messages.
        count: u64,
    },
    /// The bus does not hold the batch; the connection goes on.
    Refused {
        /// The client's number of the batch, if it could be read.
        batch: Option<u64>,
        /// Why.
        code: RefusalCode,
        /// Why, for people.
        message: String,
    },
    /// The connection ends.
    Error {
        /// Why.
        code: ErrorCode,
        /// Why, for people.
        message: String,
    },
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// Why a batch was refused.
    RefusalCode {
        /// The first line is not a header.
        BadHeader = "bad_header",
        /// The header's count is not the number of payloads, or is 0.
        WrongCount = "wrong_count",
        /// The gateway does not take this source.
        UnknownSource = "unknown_source",
        /// The token is not for this source.
        ForbiddenSource = "forbidden_source",
        /// The token's rate is used up for now.
        RateExceeded = "rate_exceeded",
        /// The frame is larger than announced.
        TooLarge = "too_large",
        /// The header has `arrived_at`, and the gateway runs on the system clock.
        ArrivedAtNotAllowed = "arrived_at_not_allowed",
        /// The header lacks `arrived_at`, and the gateway runs on simulated time.
        ArrivedAtMissing = "arrived_at_missing",
        /// The bus did not take it; send it again.
        Unavailable = "unavailable",
    }
}

codes! {
    /// Why a connection ended.
    ErrorCode {
        /// The first frame is not a hello.
        BadHello = "bad_hello",
        /// The gateway does not know the token, or not any more.
        BadToken = "bad_token",
        /// The token has as many connections as it may.
        TooManyConnections = "too_many_connections",
        /// The hello's protocol is not the gateway's.
        UnsupportedProtocol = "unsupported_protocol",
        /// No hello came in time.
        HelloTimeout = "hello_timeout",
        /// Nothing came for too long.
        IdleTimeout = "idle_timeout",
        /// The frame was too large to read.
        FrameTooLarge = "frame_too_large",
        /// A text frame after the hello, or a broken frame.
        BadFrame = "bad_frame",
    }
}

codes! {
    /// Why a connection never came to a hello; counted, and said where HTTP can say it.
    RequestCode {
        /// There are as many connections as may be.
        ConnectionsMax = "connections_max",
        /// The client does not speak TLS, not ours, or does not go on.
        TlsHandshake = "tls_handshake",
        /// The body of a request did not come in time.
        BodyTimeout = "body_timeout",
    }
}

/// The first line of a batch.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The client's number of the batch, to name it in the answer.
    pub batch: u64,
    /// The source, such as `mobile_events`.
    pub source: String,
    /// When it was sent, by the phone's clock; RFC 3339.
    pub sent_at: String,
    /// Messages of one key keep their order on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many payloads follow.
    pub count: usize,
    /// When it arrived, in a simulation; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_at: Option<String>,
}

/// Why a batch is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The client's number of the batch, if it could be read.
    pub batch: Option<u64>,
    /// Why.
    pub code: RefusalCode,
    /// Why, for people.
    pub message: String,
}

/// A batch as one frame.
pub fn encode_batch<P: AsRef<[u8]>>(header: &BatchHeader, payloads: &[P]) -> Bytes {
    let header = serde_json::json!(header).to_string();
    let size_bytes = payloads.iter().map(|payload| payload.as_ref().len() + 1).sum::<usize>();
    let mut frame = BytesMut::with_capacity(header.len() + size_bytes);
    frame.put_slice(header.as_bytes());
    for payload in payloads {
        frame.put_u8(b'\n');
        frame.put_slice(payload.as_ref());
    }
    frame.freeze()
}

/// Reads a frame. The payloads share its memory.
pub fn decode_batch(frame: &Bytes) -> Result<(BatchHeader, Vec<Bytes>), Refusal> {
    let mut lines = frame.split(|&byte| byte == b'\n');
    let header = lines.next().unwrap_or_default();
    let header: BatchHeader = serde_json::from_slice(header).map_err(|error| Refusal {
        batch: batch_number(header),
        code: RefusalCode::BadHeader,
        message: format!("the first line is not a batch header: {error}"),
    })?;
    let refuse = |code, message| Refusal { batch: Some(header.batch), code, message };
    if MicrosUtc::parse_rfc3339(&header.sent_at).is_none() {
        let message = format!("sent_at is not RFC 3339: {:?}", header.sent_at);
        return Err(refuse(RefusalCode::BadHeader, message));
    }
    if header.key.as_ref().is_some_and(|key| key.len() > KEY_BYTES_MAX) {
        let message = format!("a key has at most {KEY_BYTES_MAX} bytes");
        return Err(refuse(RefusalCode::BadHeader, message));
    }
    let payloads: Vec<Bytes> = lines.map(|payload| frame.slice_ref(payload)).collect();
    if payloads.len() != header.count || payloads.is_empty() {
        let message =
            format!("the header says {} payloads, {} follow", header.count, payloads.len());
        return Err(refuse(RefusalCode::WrongCount, message));
    }
    Ok((header, payloads))
}

/// The number of a batch, also when the rest of the header is wrong.
pub fn batch_number(frame: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        batch: u64,
    }
    let header = frame.split(|&byte| byte == b'\n').next()?;
    serde_json::from_slice(header).ok().map(|Numbered { batch }| batch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_go_both_ways(
            batch: u64,
            payloads in prop::collection::vec(prop::collection::vec(11_u8..=255, 0..20), 1..5),
        ) {
            let header = BatchHeader {
                batch,
                source: "s\n\"".to_owned(),
                sent_at: "2026-01-05T10:00:00.000000Z".to_owned(),
                key: None,
                count: payloads.len(),
                arrived_at: None,
            };
            let (decoded, decoded_payloads) = decode_batch(&encode_batch(&header, &payloads)).unwrap();
            prop_assert_eq!(decoded, header);
            prop_assert_eq!(decoded_payloads, payloads);
        }
    }

    #[test]
    fn a_batch_is_named_even_if_its_header_is_wrong() {
        let refusal = decode_batch(&Bytes::from_static(b"{\"batch\":7}\nx")).unwrap_err();
        assert_eq!((refusal.batch, refusal.code), (Some(7), RefusalCode::BadHeader));
        let refusal = decode_batch(&Bytes::from_static(b"\xff")).unwrap_err();
        assert_eq!((refusal.batch, refusal.code), (None, RefusalCode::BadHeader));
    }
}
