//! The gateway as a service: TLS, tokens and what each may do, plain HTTP, readiness.

use std::path::Path;

use futures::SinkExt;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use super::{
    protocol::{BatchHeader, ErrorCode, RefusalCode, ServerMessage, encode_batch},
    tests::{Client, HELLO, Rig, config, header, http_get},
    *,
};

const TOKENS: &str = r#"
[token.phones]
secret = "0123456789abcdef"
sources = ["mobile_events"]
messages_per_second = 100
[token.backend]
secret = "fedcba9876543210"
sources = ["db_users"]
connections_max = 1
"#;

fn access(text: &str) -> Arc<Access> {
    Access::parse(Path::new("tokens.toml"), text).unwrap()
}

async fn rig(access: Arc<Access>) -> Rig {
    Rig::with(GatewayConfig { access, ..config(false, Limits::default()) }).await
}

async fn hello(rig: &Rig, token: &str) -> Client {
    let mut client = rig.connect().await;
    client.text(&HELLO.replace("secret", token)).await;
    client
}

#[tokio::test]
async fn a_token_sends_its_sources_at_its_rate_until_it_is_revoked() {
    let access = access(TOKENS);
    let rig = rig(Arc::clone(&access)).await;
    let mut backend = hello(&rig, "fedcba9876543210").await;
    backend.answer().await;
    backend.binary(encode_batch(&header(1), &["x"])).await;
    assert_eq!(backend.refusal().await, (Some(1), RefusalCode::ForbiddenSource));
    let mut second = hello(&rig, "fedcba9876543210").await;
    assert_eq!(second.error().await, ErrorCode::TooManyConnections);

    let mut phone = hello(&rig, "0123456789abcdef").await;
    phone.answer().await;
    phone.binary(encode_batch(&BatchHeader { count: 500, ..header(2) }, &["x"; 500])).await;
    assert_eq!(phone.answer().await, ServerMessage::Acknowledged { batch: 2, count: 500 });
    phone.binary(encode_batch(&header(3), &["x"])).await;
    assert_eq!(phone.refusal().await, (Some(3), RefusalCode::RateExceeded));

    let revoked = TOKENS.replace("0123456789abcdef", "another secret 16");
    access.reload(Path::new("tokens.toml"), &revoked).unwrap();
    phone.binary(encode_batch(&header(4), &["x"])).await;
    assert_eq!(phone.error().await, ErrorCode::BadToken);
    assert_eq!(phone.close_code().await, 1008);
    for code in ["forbidden_source", "too_many_connections", "rate_exceeded", "bad_token"] {
        assert_eq!(rig.refused(code), 1, "{code}");
    }
    assert_eq!(rig.delivered().await.len(), 500);
}

/// What a request without websockets is answered, and the status.
async fn post(rig: &Rig, token: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         user-agent: curl/8\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // Who is refused early is not read to the end.
    let _ = stream.write_all(body).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

#[tokio::test]
async fn a_batch_comes_by_plain_http_too() {
    let rig = rig(access(TOKENS)).await;
    let frame = encode_batch(&header(7), &["x"]);
    let (status, answer) = post(&rig, "0123456789abcdef", &frame).await;
    assert_eq!((status, &*answer), (200, r#"{"type":"acknowledged","batch":7,"count":1}"#));
    assert_eq!(post(&rig, "wrong", &frame).await.0, 401);
    assert_eq!(post(&rig, "fedcba9876543210", &frame).await.0, 403);
    assert_eq!(post(&rig, "0123456789abcdef", b"no header").await.0, 400);
    let large = vec![b'x'; (1 << 20) + 1];
    assert_eq!(post(&rig, "0123456789abcdef", &large).await.0, 413);
    let many = encode_batch(&BatchHeader { count: 200, ..header(8) }, &["x"; 200]);
    assert_eq!(post(&rig, "0123456789abcdef", &many).await.0, 200);
    assert_eq!(post(&rig, "0123456789abcdef", &frame).await.0, 429);
    assert_eq!(rig.delivered().await.len(), 201);
    let metrics = http_get(rig.address, "/metrics").await;
    for code in ["bad_token", "forbidden_source", "bad_header", "too_large", "rate_exceeded"] {
        let line = format!("lakebed_gateway_refused_total{{code=\"{code}\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(metrics.contains("lakebed_gateway_acknowledged_after_seconds_count 2"), "{metrics}");
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn pem(certificate: &CertifiedKey<rcgen::KeyPair>) -> (String, String) {
    (certificate.cert.pem(), certificate.signing_key.serialize_pem())
}

/// A client that trusts one certificate.
async fn tls_client(
    rig: &Rig,
    trusted: &CertifiedKey<rcgen::KeyPair>,
) -> Result<Client<tokio_rustls::client::TlsStream<TcpStream>>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|error| error.to_string())?;
    Ok(Client(client_async("ws://localhost/v1/events", stream).await.unwrap().0))
}

#[tokio::test]
async fn tls_is_spoken_by_a_certificate_that_can_be_replaced() {
    let (first, second) = (certificate(), certificate());
    let (chain, key) = pem(&first);
    let tls = Tls::new(chain.as_bytes(), key.as_bytes()).unwrap();
    let limits = Limits { hello_timeout: Duration::from_millis(500), ..Limits::default() };
    let rig = Rig::with(GatewayConfig { tls: Some(tls.clone()), ..config(false, limits) }).await;
    let mut client = tls_client(&rig, &first).await.unwrap();
    client.0.send(Message::Text(HELLO.into())).await.unwrap();
    assert!(matches!(client.answer().await, ServerMessage::Welcome { .. }));
    let refused = tls_client(&rig, &second).await.err().unwrap();
    assert!(refused.contains("certificate"), "{refused}");

    // Nor does one who speaks no TLS, or does not go on, hold anybody up.
    let mut plain = TcpStream::connect(rig.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _silent = TcpStream::connect(rig.address).await.unwrap();
    let (chain, key) = pem(&second);
    assert!(tls.replace(chain.as_bytes(), b"no key").is_err());
    tls.replace(chain.as_bytes(), key.as_bytes()).unwrap();
    tls_client(&rig, &second).await.unwrap();
    assert!(tls_client(&rig, &first).await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.refused("tls_handshake"), 4, "two strangers, one without TLS, one silent");
    client.0.send(Message::Binary(encode_batch(&header(1), &["x"]))).await.unwrap();
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 1, count: 1 });
}

#[tokio::test]
async fn who_shuts_down_or_has_no_bus_is_not_ready() {
    let rig = rig(access(TOKENS)).await;
    assert!(http_get(rig.address, "/readyz").await.starts_with("HTTP/1.1 200"));
    rig.metrics.fail_batch();
    let answer = http_get(rig.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the bus"), "{answer}");
    rig.metrics.add_batch(1, 1, Duration::ZERO);
    assert!(http_get(rig.address, "/readyz").await.starts_with("HTTP/1.1 200"));
}
