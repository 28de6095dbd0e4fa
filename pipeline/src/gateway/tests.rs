//! The gateway on a loopback port, with a real websocket client.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use lakebed_local::{EmbeddedBus, EmbeddedBusConfig, PublishClock};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

use super::{
    protocol::{BatchHeader, ErrorCode, RefusalCode, ServerMessage, encode_batch},
    *,
};
use crate::{
    bus::{
        Deliveries, Delivery, Flow, MessageId, Publication, Setup, SubscriptionConfig, conformance,
        error,
    },
    port_error::PortError,
};

const NOW: MicrosUtc = MicrosUtc(1_767_607_200_000_000);
pub const HELLO: &str = r#"{"type":"hello","protocol":1,"token":"secret","client":"test/1"}"#;

pub struct Rig {
    _folder: tempfile::TempDir,
    pub bus: Arc<dyn Bus>,
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), GatewayError>>,
}

pub struct Client<S = MaybeTlsStream<TcpStream>>(pub WebSocketStream<S>);

pub fn config(is_simulated: bool, limits: Limits) -> GatewayConfig {
    GatewayConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        access: Access::one("secret"),
        tls: None,
        sources: ["mobile_events".to_owned()].into(),
        time: if is_simulated { GatewayTime::Simulated } else { GatewayTime::System(|| NOW) },
        limits,
    }
}

async fn bus(path: PathBuf, is_simulated: bool) -> Arc<dyn Bus> {
    let publish_clock =
        if is_simulated { PublishClock::Simulated } else { PublishClock::System(|| NOW) };
    let bus = EmbeddedBus::open(EmbeddedBusConfig { path, publish_clock }).unwrap();
    bus.create_topic("mobile_events").await.unwrap();
    let (name, topic) = ("s".to_owned(), "mobile_events".to_owned());
    bus.create_subscription(SubscriptionConfig { name, topic, is_ordered: true }).await.unwrap();
    Arc::new(bus)
}

impl Rig {
    pub async fn new(is_simulated: bool, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = bus(folder.path().join("bus.redb"), is_simulated).await;
        Self::on_bus(folder, bus, is_simulated, limits).await
    }

    async fn on_bus(
        folder: tempfile::TempDir,
        bus: Arc<dyn Bus>,
        is_simulated: bool,
        limits: Limits,
    ) -> Self {
        Self::of(folder, bus, config(is_simulated, limits)).await
    }

    /// A gateway on the system's time of which the config is given.
    pub async fn with(config: GatewayConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = bus(folder.path().join("bus.redb"), false).await;
        Self::of(folder, bus, config).await
    }

    async fn of(folder: tempfile::TempDir, bus: Arc<dyn Bus>, config: GatewayConfig) -> Self {
        let gateway = Gateway::bind(config, Arc::clone(&bus)).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let (address, metrics) = (gateway.local_addr(), gateway.metrics());
        let running = tokio::spawn(gateway.run(async { drop(stopped.await) }));
        Self { _folder: folder, bus, address, metrics, stop: Some(stop), running }
    }

    pub async fn connect(&self) -> Client {
        Client(connect_async(format!("ws://{}/v1/events", self.address)).await.unwrap().0)
    }

    pub async fn welcomed(&self) -> Client {
        let mut client = self.connect().await;
        client.text(HELLO).await;
        let welcome = client.answer().await;
        assert!(matches!(welcome, ServerMessage::Welcome { .. }), "{welcome:?}");
        client
    }

    pub async fn delivered(&self) -> Vec<Delivery> {
        conformance::leased(&*self.bus, "s", Duration::from_millis(100)).await
    }

    pub fn refused(&self, code: &str) -> u64 {
        self.metrics.snapshot().refused.get(code).copied().unwrap_or(0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn text(&mut self, text: &str) {
        self.0.send(Message::Text(text.into())).await.unwrap();
    }

    pub async fn binary(&mut self, bytes: impl Into<Bytes>) {
        self.0.send(Message::Binary(bytes.into())).await.unwrap();
    }

    pub async fn answer(&mut self) -> ServerMessage {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(frame) => return frame.unwrap().code.into(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn refusal(&mut self) -> (Option<u64>, RefusalCode) {
        match self.answer().await {
            ServerMessage::Refused { batch, code, .. } => (batch, code),
            other => panic!("{other:?}"),
        }
    }

    pub async fn error(&mut self) -> ErrorCode {
        match self.answer().await {
            ServerMessage::Error { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }
}

pub fn header(batch: u64) -> BatchHeader {
    BatchHeader {
        batch,
        source: "mobile_events".to_owned(),
        sent_at: "2026-01-05T10:00:00.000000Z".to_owned(),
        key: Some("phone-1".to_owned()),
        count: 1,
        arrived_at: None,
    }
}

#[tokio::test]
async fn a_batch_reaches_the_bus_as_it_was_sent() {
    let rig = Rig::new(false, Limits::default()).await;
    let mut client = rig.welcomed().await;
    let payloads = [&b"{\"a\":1}"[..], b"\xff\xfe", b""];
    client.binary(encode_batch(&BatchHeader { count: 3, ..header(17) }, &payloads)).await;
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 17, count: 3 });
    let delivered = rig.delivered().await;
    let got: Vec<_> = delivered.iter().map(|d| d.message.payload.as_ref()).collect();
    assert_eq!(got, payloads);
    let message = &delivered[0].message;
    assert_eq!((message.published_at, message.received_at), (NOW, NOW));
    assert_eq!(message.ordering_key.as_deref(), Some("phone-1"));
    let attributes: Vec<_> =
        message.attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(attributes, [("client", "test/1"), ("sent_at", "2026-01-05T10:00:00.000000Z")]);
    let metrics = rig.metrics.snapshot();
    assert_eq!((metrics.batches, metrics.messages, metrics.payload_bytes), (1, 3, 9));
}

#[tokio::test]
async fn many_batches_in_flight_keep_their_order() {
    let rig = Rig::new(false, Limits::default()).await;
    let mut client = rig.welcomed().await;
    for batch in 0..500 {
        let frame = encode_batch(&header(batch), &[batch.to_string()]);
        client.0.feed(Message::Binary(frame)).await.unwrap();
    }
    client.0.flush().await.unwrap();
    for batch in 0..500 {
        assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch, count: 1 });
    }
    let delivered = rig.delivered().await;
    let texts: Vec<_> = delivered
        .iter()
        .map(|d| String::from_utf8_lossy(&d.message.payload).parse::<u64>().unwrap())
        .collect();
    assert_eq!(texts, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_hellos_are_turned_away() {
    let limits = Limits { hello_timeout: Duration::from_millis(100), ..Limits::default() };
    let rig = Rig::new(false, limits).await;
    for (hello, code) in [
        (r#"{"type":"hello","protocol":1,"token":"wrong"}"#, ErrorCode::BadToken),
        (r#"{"type":"hello","protocol":2,"token":"secret"}"#, ErrorCode::UnsupportedProtocol),
        ("hello?", ErrorCode::BadHello),
    ] {
        let mut client = rig.connect().await;
        client.text(hello).await;
        assert_eq!(client.error().await, code);
        assert_eq!(client.close_code().await, 1008);
        assert_eq!(rig.refused(code.as_str()), 1);
    }
    let mut client = rig.connect().await;
    client.binary(encode_batch(&header(1), &["x"])).await;
    assert_eq!(client.error().await, ErrorCode::BadHello);
    let mut client = rig.connect().await;
    assert_eq!(client.error().await, ErrorCode::HelloTimeout, "silence is no hello");
    assert!(rig.delivered().await.is_empty());
}

#[tokio::test]
async fn bad_batches_are_refused_and_the_connection_goes_on() {
    let limits = Limits { frame_bytes_max: 1000, ..Limits::default() };
    let rig = Rig::new(false, limits).await;
    let mut client = rig.welcomed().await;
    let sent_at = "whenever".to_owned();
    let arrived_at = Some("2026-01-05T10:00:00Z".to_owned());
    let cases = [
        (BatchHeader { count: 2, ..header(1) }, "x", RefusalCode::WrongCount),
        (BatchHeader { count: 1, ..header(2) }, "x\ny", RefusalCode::WrongCount),
        (BatchHeader { source: "nowhere".into(), ..header(3) }, "x", RefusalCode::UnknownSource),
        (BatchHeader { sent_at, ..header(4) }, "x", RefusalCode::BadHeader),
        (BatchHeader { arrived_at, ..header(5) }, "x", RefusalCode::ArrivedAtNotAllowed),
        (header(6), &"x".repeat(1001), RefusalCode::TooLarge),
    ];
    for (header, payload, code) in cases {
        client.binary(encode_batch(&header, &[payload])).await;
        assert_eq!(client.refusal().await, (Some(header.batch), code));
        assert_eq!(rig.refused(code.as_str()), if header.batch == 2 { 2 } else { 1 });
    }
    let mut empty = encode_batch(&BatchHeader { count: 0, ..header(7) }, &[""; 0]).to_vec();
    client.binary(empty.clone()).await;
    assert_eq!(client.refusal().await, (Some(7), RefusalCode::WrongCount));
    empty.clear();
    client.binary(empty).await;
    assert_eq!(client.refusal().await, (None, RefusalCode::BadHeader));

    client.binary(encode_batch(&header(8), &["good"])).await;
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 8, count: 1 });
    assert_eq!(rig.delivered().await.len(), 1);
}

#[tokio::test]
async fn frames_beyond_reading_and_text_frames_end_the_connection() {
    let limits = Limits { frame_bytes_max: 1000, ..Limits::default() };
    let rig = Rig::new(false, limits).await;
    let mut client = rig.welcomed().await;
    client.binary(encode_batch(&header(1), &["x".repeat(5000)])).await;
    assert_eq!(client.error().await, ErrorCode::FrameTooLarge);
    assert_eq!(client.close_code().await, 1009);
    let mut client = rig.welcomed().await;
    client.text("{}").await;
    assert_eq!(client.error().await, ErrorCode::BadFrame);
    assert_eq!(client.close_code().await, 1008);
}

#[tokio::test]
async fn in_a_simulation_batches_say_when_they_arrive() {
    let rig = Rig::new(true, Limits::default()).await;
    let mut client = rig.welcomed().await;
    client.binary(encode_batch(&header(1), &["x"])).await;
    assert_eq!(client.refusal().await, (Some(1), RefusalCode::ArrivedAtMissing));
    let arrived_at = Some("2026-01-05T10:00:01.000002Z".to_owned());
    client.binary(encode_batch(&BatchHeader { arrived_at, ..header(2) }, &["x"])).await;
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 2, count: 1 });
    let message = &rig.delivered().await[0].message;
    let at = MicrosUtc::parse_rfc3339("2026-01-05T10:00:01.000002Z").unwrap();
    assert_eq!((message.published_at, message.received_at), (at, at));
}

/// A bus that stores nothing until it is let go.
struct HeldBus {
    inner: Arc<dyn Bus>,
    gate: Semaphore,
}

#[async_trait::async_trait]
impl Bus for HeldBus {
    async fn publish(
        &self,
        topic: &str,
        publications: Vec<Publication>,
    ) -> Result<Vec<MessageId>, PortError> {
        let _permit = self.gate.acquire().await.unwrap();
        if publications.iter().any(|publication| publication.payload == "fail") {
            return Err(error::closed());
        }
        self.inner.publish(topic, publications).await
    }
    async fn subscribe(&self, subscription: &str, flow: Flow) -> Result<Deliveries, PortError> {
        self.inner.subscribe(subscription, flow).await
    }
}

async fn held_rig(limits: Limits) -> (Rig, Arc<HeldBus>) {
    let folder = tempfile::tempdir().unwrap();
    let inner = bus(folder.path().join("bus.redb"), false).await;
    let held = Arc::new(HeldBus { inner, gate: Semaphore::new(0) });
    (Rig::on_bus(folder, Arc::clone(&held) as Arc<dyn Bus>, false, limits).await, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_beyond_the_limit_waits_and_nothing_is_acknowledged_before_it_is_stored() {
    let limits = Limits { unacknowledged_batches_max: 4, ..Limits::default() };
    let (rig, held) = held_rig(limits).await;
    let mut client = rig.welcomed().await;
    // Far more than the sockets' buffers hold.
    let payload = "x".repeat(500_000);
    let sending = async {
        for batch in 0..100 {
            let frame = encode_batch(&header(batch), &[&payload]);
            client.0.feed(Message::Binary(frame)).await.unwrap();
        }
        client.0.flush().await.unwrap();
    };
    assert!(tokio::time::timeout(Duration::from_millis(300), sending).await.is_err());
    let silence = tokio::time::timeout(Duration::from_millis(100), client.0.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    held.gate.add_permits(1);
    let answer = client.answer().await;
    assert_eq!(answer, ServerMessage::Acknowledged { batch: 0, count: 1 });
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_refused_as_unavailable() {
    let (rig, held) = held_rig(Limits::default()).await;
    held.gate.add_permits(1);
    let mut client = rig.welcomed().await;
    client.binary(encode_batch(&header(1), &["fail"])).await;
    assert_eq!(client.refusal().await, (Some(1), RefusalCode::Unavailable));
    client.binary(encode_batch(&header(1), &["again"])).await;
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 1, count: 1 });
}

#[tokio::test]
async fn shutting_down_finishes_what_is_in_flight() {
    let (mut rig, held) = held_rig(Limits::default()).await;
    let mut client = rig.welcomed().await;
    client.binary(encode_batch(&header(1), &["x"])).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!rig.running.is_finished());
    held.gate.add_permits(1);
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 1, count: 1 });
    assert_eq!(client.close_code().await, 1001);
    drop(client);
    rig.running.await.unwrap().unwrap();
    assert!(TcpStream::connect(rig.address).await.is_err(), "the port is free again");
}

#[tokio::test]
async fn connections_have_a_limit() {
    let rig = Rig::new(false, Limits { connections_max: 1, ..Limits::default() }).await;
    let _first = rig.welcomed().await;
    let second = connect_async(format!("ws://{}/v1/events", rig.address)).await;
    let Err(Error::Http(response)) = second else { panic!("{second:?}") };
    assert_eq!(response.status(), 503);
    assert_eq!(rig.refused("connections_max"), 1);
}

#[tokio::test]
async fn silent_connections_are_pinged_then_closed() {
    let limits = Limits {
        ping_interval: Duration::from_millis(20),
        idle_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let rig = Rig::new(false, limits).await;
    let mut client = rig.welcomed().await;
    // Reading answers pings, which keeps the connection.
    let silence = tokio::time::timeout(Duration::from_millis(300), client.answer()).await;
    assert!(silence.is_err(), "{silence:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.error().await, ErrorCode::IdleTimeout);
}

#[tokio::test]
async fn a_port_in_use_is_the_users_to_fix() {
    let rig = Rig::new(false, Limits::default()).await;
    let config = GatewayConfig { listen: rig.address, ..config(false, Limits::default()) };
    let error = Gateway::bind(config, Arc::clone(&rig.bus)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FixInput);
    let text = error.to_string();
    assert!(text.contains(&rig.address.to_string()) && text.contains("--listen"), "{text}");
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let rig = Rig::new(false, Limits::default()).await;
    let _client = rig.welcomed().await;
    assert!(http_get(rig.address, "/healthz").await.ends_with("ok\n"));
    let metrics = http_get(rig.address, "/metrics").await;
    for line in ["lakebed_gateway_connections_open 1", "lakebed_gateway_connections_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let snapshot = rig.metrics.snapshot();
    assert_eq!((snapshot.connections_open, snapshot.connections), (1, 1));
}

pub async fn http_get(address: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}
