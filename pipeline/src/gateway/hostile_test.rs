//! Ten thousand frames that nobody should send, by one seed: each gets one answer, which is counted, and
//! the gateway goes on.

use bytes::Bytes;
use futures::{SinkExt, StreamExt, future::join_all};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    protocol::{ServerMessage, encode_batch},
    tests::{Rig, header},
    *,
};
use crate::verify::dice::Dice;

const SEED: u64 = 20_261_129;
const CONNECTION_COUNT: usize = 100;
const FRAMES_EACH: usize = 96;
const RAW_CONNECTION_COUNT: usize = 400;

/// A frame that is nearly a batch, or nothing like it.
fn frame(dice: &mut Dice, number: usize) -> Bytes {
    let good = encode_batch(&header(number as u64), &["{\"a\":1}"]);
    let mut bytes = good.to_vec();
    match dice.below(6) {
        0 => bytes.truncate(dice.below(good.len())),
        1 => {
            for _ in 0..=dice.below(8) {
                let place = dice.below(bytes.len());
                bytes[place] = u8::try_from(dice.below(256)).unwrap();
            }
        }
        2 => bytes = (0..dice.below(300)).map(|_| dice.bits().to_le_bytes()[0]).collect(),
        3 => bytes = format!("{{\"batch\":{}}}", "9".repeat(dice.below(60))).into_bytes(),
        4 => bytes = "[".repeat(dice.below(100_000)).into_bytes(),
        _ => bytes.extend(std::iter::repeat_n(b'\n', dice.below(1_000))),
    }
    bytes.into()
}

/// How many frames of a connection were acknowledged, and how many refused.
async fn frames(rig: &Rig, connection: usize) -> (usize, usize) {
    let mut dice = Dice::new(SEED, &format!("connection {connection}"));
    let mut client = rig.welcomed().await;
    let (mut acknowledged, mut refused) = (0, 0);
    for number in 0..FRAMES_EACH {
        let frame = frame(&mut dice, number);
        client.0.send(Message::Binary(frame.clone())).await.unwrap();
        match client.answer().await {
            ServerMessage::Acknowledged { .. } => acknowledged += 1,
            ServerMessage::Refused { .. } => refused += 1,
            other => panic!("{other:?} to {frame:?}"),
        }
    }
    (acknowledged, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_frames_get_an_answer_each() {
    println!("seed {SEED}");
    let limits = Limits { hello_timeout: Duration::from_secs(2), ..Limits::default() };
    let rig = Rig::new(false, limits).await;
    let counts = join_all((0..CONNECTION_COUNT).map(|number| frames(&rig, number))).await;
    let acknowledged: usize = counts.iter().map(|counts| counts.0).sum();
    let refused: usize = counts.iter().map(|counts| counts.1).sum();
    assert_eq!(acknowledged + refused, CONNECTION_COUNT * FRAMES_EACH);
    assert!(refused > acknowledged, "{acknowledged} acknowledged, {refused} refused");
    let counted: u64 = rig.metrics.snapshot().refused.values().sum();
    assert_eq!(counted, refused as u64);

    join_all((0..RAW_CONNECTION_COUNT).map(|number| raw_frame(&rig, number))).await;
    // A connection may end before it is counted.
    let all = (refused + RAW_CONNECTION_COUNT) as u64;
    let counted = || rig.metrics.snapshot().refused.values().sum::<u64>();
    for _ in 0..100 {
        if counted() >= all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refusals = rig.metrics.snapshot().refused;
    assert_eq!(counted(), all, "each is counted, once: {refused} before, then {refusals:?}");

    let mut client = rig.welcomed().await;
    client.binary(encode_batch(&header(1), &["good"])).await;
    assert_eq!(client.answer().await, ServerMessage::Acknowledged { batch: 1, count: 1 });
    drop(client);
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if rig.metrics.snapshot().connections_open == 0 {
            return;
        }
    }
    panic!("somebody is held: {:?}", rig.metrics.snapshot());
}

const UPGRADE: &str = "GET /v1/events HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\n\
     connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Bytes that are no websocket frame, after a good upgrade: the connection ends, soon. One that says that
/// it is long is waited for, as long as for a hello.
async fn raw_frame(rig: &Rig, number: usize) {
    let mut dice = Dice::new(SEED, &format!("raw {number}"));
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut bytes: Vec<u8> =
        (0..20 + dice.below(200)).map(|_| dice.bits().to_le_bytes()[0]).collect();
    // Reserved bits: a compressed frame, or worse. They are never right.
    bytes[0] |= 0x40;
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    // Being cut off is an answer; hanging is none.
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{bytes:?} hangs");
}

#[tokio::test]
async fn a_compressed_frame_is_told_so() {
    let rig = Rig::new(false, Limits::default()).await;
    let client = rig.welcomed().await;
    let (mut client, mut stream) = (client.0, Vec::new());
    // An empty text frame, masked, with the bit of `permessage-deflate`.
    let frame = [0xc1_u8, 0x80, 0, 0, 0, 0];
    client.get_mut().write_all(&frame).await.unwrap();
    while let Some(Ok(message)) = client.next().await {
        stream.push(message);
    }
    let answer = stream.first().map(|message| message.to_text().unwrap_or_default().to_owned());
    assert!(answer.as_ref().is_some_and(|answer| answer.contains("bad_frame")), "{stream:?}");
    assert_eq!(rig.refused("bad_frame"), 1);
}
