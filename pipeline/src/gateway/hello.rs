//! The first frame of a connection: who is there, and may they send?

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::timeout;

use super::{
    Shared,
    access::{Connected, Grant},
    connection::broken_rule,
    protocol::{CLIENT_BYTES_MAX, ClientMessage, ErrorCode, PROTOCOL},
};

/// What a good hello told.
pub struct Client {
    pub name: Option<String>,
    pub grant: Arc<Grant>,
    /// Held as long as it is connected.
    pub _connected: Connected,
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
        Ok(None | Some(Ok(Message::Close(_)))) => return Ok(None),
        Ok(Some(Err(error))) => return broken_rule(&error).map_or(Ok(None), Err),
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
    if name.as_ref().is_some_and(|name| name.len() > CLIENT_BYTES_MAX) {
        return Err(bad_hello(format!("a client's name has at most {CLIENT_BYTES_MAX} bytes")));
    }
    let Some(grant) = config.access.grant(&token) else {
        return Err((ErrorCode::BadToken, "the token is not one of the gateway's".to_owned()));
    };
    let Some(connected) = config.access.connect(&grant) else {
        let message = "the token has as many connections as it may".to_owned();
        return Err((ErrorCode::TooManyConnections, message));
    };
    Ok(Some(Client { name, grant, _connected: connected }))
}
