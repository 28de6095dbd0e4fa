//! One websocket to the gateway: hello, batches out, answers in.

use std::pin::Pin;

use async_trait::async_trait;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{self, Message},
};

use super::{PhonesConfig, PhonesError};
use crate::gateway::protocol::{ClientMessage, PROTOCOL, ServerMessage};

/// A websocket, over whatever network.
pub type Socket = Pin<Box<dyn Frames>>;

/// Frames both ways.
pub trait Frames:
    Stream<Item = Result<Message, tungstenite::Error>>
    + Sink<Message, Error = tungstenite::Error>
    + Send
{
}

impl<T> Frames for T where
    T: Stream<Item = Result<Message, tungstenite::Error>>
        + Sink<Message, Error = tungstenite::Error>
        + Send
{
}

/// What leads to the gateway.
#[async_trait]
pub trait Network: std::fmt::Debug + Send + Sync {
    /// Opens a websocket.
    async fn connect(&self, url: &str) -> Result<Socket, tungstenite::Error>;
}

/// The machine's network.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

#[async_trait]
impl Network for Tcp {
    async fn connect(&self, url: &str) -> Result<Socket, tungstenite::Error> {
        let disable_nagle = true;
        let (socket, _) = connect_async_with_config(url, None, disable_nagle).await?;
        Ok(Box::pin(socket))
    }
}

/// An open connection after its welcome.
pub struct Connection {
    pub socket: Socket,
    pub unacknowledged_batches_max: usize,
}

/// Why there is no connection, or no longer.
pub enum Trouble {
    /// It may go better next time.
    Passing(String),
    /// It will not.
    Lasting(PhonesError),
}

impl Connection {
    /// Connects and says hello.
    pub async fn open(config: &PhonesConfig) -> Result<Self, Trouble> {
        let connected = config.network.connect(&config.url).await;
        let socket = connected.map_err(|error| Trouble::Passing(error.to_string()))?;
        let mut connection = Self { socket, unacknowledged_batches_max: 0 };
        let hello = ClientMessage::Hello {
            protocol: PROTOCOL,
            token: config.token.clone(),
            client: config.client.clone(),
        };
        let hello = serde_json::to_string(&hello).expect("a hello is text and numbers");
        let sent = connection.socket.send(Message::Text(hello.into())).await;
        sent.map_err(|error| Trouble::Passing(error.to_string()))?;
        match connection.receive().await? {
            ServerMessage::Welcome { unacknowledged_batches_max, .. } => {
                connection.unacknowledged_batches_max = unacknowledged_batches_max.max(1);
                Ok(connection)
            }
            other => Err(protocol_error(format!("a welcome was due, but came {other:?}"))),
        }
    }

    /// The next answer. May be dropped and called again.
    pub async fn receive(&mut self) -> Result<ServerMessage, Trouble> {
        loop {
            let frame = self.socket.next().await;
            if let Some(message) = read_frame(frame)? {
                return Ok(message);
            }
        }
    }
}

/// The answer in a frame; `None` for frames that are none.
pub fn read_frame(
    frame: Option<Result<Message, tungstenite::Error>>,
) -> Result<Option<ServerMessage>, Trouble> {
    let passing = |trouble: &str| Err(Trouble::Passing(trouble.to_owned()));
    match frame {
        None => passing("the gateway closed the connection"),
        Some(Err(error)) => passing(&error.to_string()),
        Some(Ok(Message::Close(_))) => passing("the gateway said goodbye"),
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(ServerMessage::Error { code, message }) => {
                Err(Trouble::Lasting(PhonesError::TurnedAway { code, message }))
            }
            Ok(answer) => Ok(Some(answer)),
            Err(error) => Err(protocol_error(format!("{error} in {text}"))),
        },
        Some(Ok(_)) => Ok(None),
    }
}

fn protocol_error(detail: String) -> Trouble {
    Trouble::Lasting(PhonesError::Protocol { detail })
}
