//! The first frame of a connection: who is there, and may they send?

use axum::extract::ws::{Message, WebSocket};
use tokio::time::timeout;

use super::{
    Shared,
    protocol::{ClientMessage, ErrorCode, PROTOCOL},
};

/// What a good hello told.
pub struct Client {
    pub name: Option<String>,
}

/// Waits for the hello. `Ok(None)`: the client went away without a word.
pub async fn receive(
    socket: &mut WebSocket,
    shared: &Shared,
) -> Result<Option<Client>, (ErrorCode, String)> {
    let config = &shared.config;
    let first_frame = async {
        loop {
            match socket.recv().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                frame => return frame,
            }
        }
    };
    let frame = match timeout(config.limits.hello_timeout, first_frame).await {
        Err(_) => return Err((ErrorCode::HelloTimeout, "no hello came in time".to_owned())),
        Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return Ok(None),
        Ok(Some(Ok(frame))) => frame,
    };
    let bad_hello = |detail: String| (ErrorCode::BadHello, detail);
    let Message::Text(text) = frame else {
        return Err(bad_hello("the first frame must be a hello in a text frame".to_owned()));
    };
    let ClientMessage::Hello { protocol, token, client: name } = serde_json::from_str(&text)
        .map_err(|error| bad_hello(format!("the first frame is not a hello: {error}")))?;
    if protocol != PROTOCOL {
        let message = format!("the gateway speaks protocol {PROTOCOL}, the client {protocol}");
        return Err((ErrorCode::UnsupportedProtocol, message));
    }
    // Comparing hashes takes the same time wherever the first difference lies.
    if blake3::hash(token.as_bytes()) != blake3::hash(config.token.as_bytes()) {
        return Err((ErrorCode::BadToken, "the token is not the gateway's".to_owned()));
    }
    Ok(Some(Client { name }))
}
