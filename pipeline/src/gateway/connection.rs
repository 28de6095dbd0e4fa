//! One connection, from hello to goodbye.
//!
//! Batches that come while the bus is busy with earlier ones are published together next. So
//! there is one publication in flight per connection, and the order of batches is kept whatever
//! the bus. When too much waits, the connection is not read any more, and TCP holds the client.

use std::{sync::Arc, time::Duration};

use axum::{
    Error,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use bytes::Bytes;
use futures::{
    FutureExt, SinkExt,
    future::{BoxFuture, Fuse},
};
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use super::{
    Shared,
    batch::{self, Batch, Published},
    hello::{self, Client},
    protocol::{CLOSE_AWAY, CLOSE_POLICY, CLOSE_SIZE, ErrorCode, Refusal, ServerMessage},
};
use crate::crash;

/// How long a client may take to hear that the connection ends.
pub const GOODBYE: Duration = Duration::from_secs(2);

/// Why a connection ends.
enum End {
    /// The client is gone, or will not take what is sent.
    Gone,
    /// The gateway shuts down.
    Closing,
    /// The client broke a rule.
    Error(ErrorCode, String),
}

struct Connection<'a> {
    socket: &'a mut WebSocket,
    shared: &'a Arc<Shared>,
    client: Client,
    waiting: Vec<Batch>,
    /// Of `waiting` and of what is being published.
    batch_count: usize,
    size_bytes: usize,
    last_frame_at: Instant,
}

/// Serves the connection until it ends.
pub async fn serve(mut socket: WebSocket, shared: &Arc<Shared>) {
    let end = match hello::receive(&mut socket, shared).await {
        Ok(None) => End::Gone,
        Err((code, message)) => End::Error(code, message),
        Ok(Some(client)) => {
            let connection = Connection {
                socket: &mut socket,
                shared,
                client,
                waiting: Vec::new(),
                batch_count: 0,
                size_bytes: 0,
                last_frame_at: Instant::now(),
            };
            connection.run().await
        }
    };
    // Nothing can be done for a client that does not take its goodbye.
    drop(timeout(GOODBYE, say_goodbye(socket, shared, end)).await);
}

async fn say_goodbye(mut socket: WebSocket, shared: &Shared, end: End) -> Result<(), Error> {
    let (close_code, reason) = match end {
        End::Gone => return Ok(()),
        End::Closing => (CLOSE_AWAY, "the gateway shuts down"),
        End::Error(code, message) => {
            tracing::info!(code = code.as_str(), message, "the connection ends");
            shared.metrics.refuse(code.as_str());
            socket.send(text_frame(&ServerMessage::Error { code, message })).await?;
            let is_size = code == ErrorCode::FrameTooLarge;
            (if is_size { CLOSE_SIZE } else { CLOSE_POLICY }, code.as_str())
        }
    };
    socket
        .send(Message::Close(Some(CloseFrame { code: close_code, reason: reason.into() })))
        .await?;
    // Reading on until the client answers keeps its unread frames from resetting the connection,
    // which could take the goodbye from under it.
    while let Some(Ok(_)) = socket.recv().await {}
    Ok(())
}

impl Connection<'_> {
    async fn run(mut self) -> End {
        let limits = &self.shared.config.limits;
        let welcome = ServerMessage::Welcome {
            frame_bytes_max: limits.frame_bytes_max,
            unacknowledged_batches_max: limits.unacknowledged_batches_max,
        };
        if let Err(end) = self.send(&[welcome]).await {
            return end;
        }
        let mut is_closing = self.shared.is_closing.subscribe();
        let mut closing = *is_closing.borrow_and_update();
        let mut ping = interval_at(Instant::now() + limits.ping_interval, limits.ping_interval);
        let mut publishing: Fuse<BoxFuture<'static, Published>> = Fuse::terminated();
        let mut is_publishing = false;
        loop {
            if !is_publishing && !self.waiting.is_empty() {
                let batches = std::mem::take(&mut self.waiting);
                publishing = batch::publish(Arc::clone(self.shared), batches).boxed().fuse();
                is_publishing = true;
            }
            if closing && !is_publishing {
                return End::Closing;
            }
            let can_read = !closing
                && self.batch_count < limits.unacknowledged_batches_max
                && self.size_bytes < limits.unacknowledged_bytes_max;
            let step = tokio::select! {
                published = &mut publishing, if is_publishing => {
                    is_publishing = false;
                    self.answer(published).await
                }
                frame = self.socket.recv(), if can_read => self.receive(frame).await,
                _ = ping.tick() => self.ping(can_read).await,
                _ = is_closing.changed(), if !closing => {
                    closing = true;
                    Ok(())
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn receive(&mut self, frame: Option<Result<Message, Error>>) -> Result<(), End> {
        self.last_frame_at = Instant::now();
        match frame {
            None | Some(Ok(Message::Close(_))) => Err(End::Gone),
            Some(Err(error)) => {
                Err(broken_rule(&error)
                    .map_or(End::Gone, |(code, message)| End::Error(code, message)))
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Text(_))) => {
                let message = "after the hello come batches, in binary frames".to_owned();
                Err(End::Error(ErrorCode::BadFrame, message))
            }
            Some(Ok(Message::Binary(frame))) => match self.read_batch(&frame)? {
                Ok(batch) => {
                    self.batch_count += 1;
                    self.size_bytes += batch.size_bytes;
                    self.waiting.push(batch);
                    Ok(())
                }
                Err(Refusal { batch, code, message }) => {
                    self.shared.metrics.refuse(code.as_str());
                    self.send(&[ServerMessage::Refused { batch, code, message }]).await
                }
            },
        }
    }

    /// What the token may do is asked anew for each batch: it may have been revoked.
    fn read_batch(&self, frame: &Bytes) -> Result<Result<Batch, Refusal>, End> {
        let grant =
            self.shared.config.access.renewed(&self.client.grant).ok_or_else(|| {
                End::Error(ErrorCode::BadToken, "the token was revoked".to_owned())
            })?;
        Ok(batch::read(self.shared, &grant, self.client.name.as_deref(), frame))
    }

    async fn answer(&mut self, published: Published) -> Result<(), End> {
        crash::point("gateway::before_acknowledge");
        self.batch_count -= published.batch_count;
        self.size_bytes -= published.size_bytes;
        self.send(&published.answers).await?;
        crash::point("gateway::after_acknowledge");
        Ok(())
    }

    async fn ping(&mut self, can_read: bool) -> Result<(), End> {
        if !can_read {
            // It is we who are silent: pongs may be waiting unread.
            self.last_frame_at = Instant::now();
        }
        let idle_timeout = self.shared.config.limits.idle_timeout;
        if self.last_frame_at.elapsed() >= idle_timeout {
            let message = format!("nothing came for {} s", idle_timeout.as_secs());
            return Err(End::Error(ErrorCode::IdleTimeout, message));
        }
        let sent = timeout(idle_timeout, self.socket.send(Message::Ping(Bytes::new()))).await;
        sent.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
    }

    async fn send(&mut self, messages: &[ServerMessage]) -> Result<(), End> {
        let socket = &mut *self.socket;
        let send_all = async {
            for message in messages {
                socket.feed(text_frame(message)).await?;
            }
            socket.flush().await
        };
        let sent = timeout(self.shared.config.limits.idle_timeout, send_all).await;
        sent.map_err(|_| End::Gone)?.map_err(|_| End::Gone)
    }
}

fn text_frame(message: &ServerMessage) -> Message {
    let text = serde_json::to_string(message).expect("answers are text and numbers");
    Message::Text(text.into())
}

/// What the client broke, to be said to it; `None`: the connection is broken anyway.
pub fn broken_rule(error: &Error) -> Option<(ErrorCode, String)> {
    let cause = std::error::Error::source(error)?;
    match cause.downcast_ref::<tungstenite::Error>()? {
        tungstenite::Error::Capacity(detail) => {
            Some((ErrorCode::FrameTooLarge, detail.to_string()))
        }
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        // Also a compressed frame: that was not agreed upon.
        error @ (tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => {
            Some((ErrorCode::BadFrame, error.to_string()))
        }
        _ => None,
    }
}
