//! One connection's part of the plan: sends its batches in order, several at a time, and moves
//! the cursor as they are acknowledged.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    Numbered, Outcome, PhoneBatch, PhonesConfig, PhonesError, PhonesReport,
    connection::{Connection, Trouble, read_frame},
    cursor::PositionWriter,
};
use crate::gateway::protocol::{BatchHeader, ErrorCode, RefusalCode, ServerMessage, encode_batch};

/// A batch that was sent, or is to be sent again.
struct Sent {
    number: u64,
    frame: Bytes,
    message_count: u64,
    outcome: Outcome,
    is_acknowledged: bool,
}

/// See the module.
pub(super) struct Worker {
    config: PhonesConfig,
    cursor: PositionWriter,
    queue: mpsc::Receiver<Numbered>,
    /// In the order of their numbers, which have no gap; the first is not acknowledged.
    sent: VecDeque<Sent>,
    /// The queue has ended.
    is_last_sent: bool,
    report: PhonesReport,
    last_progress_at: Instant,
    last_trouble: String,
}

/// Why a connection was left in order.
enum Left {
    PlannedBreak,
    Done,
}

impl Worker {
    pub fn new(
        config: PhonesConfig,
        cursor: PositionWriter,
        queue: mpsc::Receiver<Numbered>,
    ) -> Self {
        Self {
            config,
            cursor,
            queue,
            sent: VecDeque::new(),
            is_last_sent: false,
            report: PhonesReport::default(),
            last_progress_at: Instant::now(),
            last_trouble: "none".to_owned(),
        }
    }

    /// Sends until the queue has ended and all is acknowledged.
    pub async fn run(mut self) -> Result<PhonesReport, PhonesError> {
        let mut backoff = self.config.backoff_first;
        let mut connection_count = 0_u64;
        loop {
            let progress_before = self.report.batch_count;
            let trouble = match Connection::open(&self.config).await {
                Ok(connection) => {
                    connection_count += 1;
                    let left = self.use_connection(connection).await;
                    if self.sent.is_empty() {
                        // Nothing was due, however long the connection was open.
                        self.last_progress_at = Instant::now();
                    }
                    match left {
                        Ok(Left::Done) => {
                            self.report.reconnect_count = connection_count - 1;
                            return Ok(self.report);
                        }
                        Ok(Left::PlannedBreak) => {
                            self.report.broken_connection_count += 1;
                            continue;
                        }
                        Err(trouble) => trouble,
                    }
                }
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Lasting(PhonesError::TurnedAway { code, message })
                    if code == ErrorCode::IdleTimeout || code == ErrorCode::HelloTimeout =>
                {
                    self.last_trouble = message;
                }
                Trouble::Lasting(error) => return Err(error),
                Trouble::Passing(detail) => self.last_trouble = detail,
            }
            if self.report.batch_count > progress_before {
                backoff = self.config.backoff_first;
            }
            if self.last_progress_at.elapsed() >= self.config.patience {
                return Err(PhonesError::Unreachable {
                    url: self.config.url.clone(),
                    patience: self.config.patience,
                    trouble: self.last_trouble,
                });
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(self.config.backoff_max);
        }
    }

    async fn use_connection(&mut self, mut connection: Connection) -> Result<Left, Trouble> {
        // The connection before may have broken between an answer and the cursor's move.
        self.move_cursor()?;
        self.send_again(&mut connection).await?;
        loop {
            let is_break_planned =
                self.sent.back().is_some_and(|sent| sent.outcome == Outcome::ConnectionBroken);
            if self.sent.is_empty() && self.is_last_sent {
                // Whether the gateway hears the goodbye makes no difference.
                drop(connection.socket.send(Message::Close(None)).await);
                return Ok(Left::Done);
            }
            let can_send = !self.is_last_sent
                && !is_break_planned
                && self.sent.len() < connection.unacknowledged_batches_max;
            let patience_left =
                self.config.patience.saturating_sub(self.last_progress_at.elapsed());
            tokio::select! {
                frame = connection.socket.next() => {
                    let left = self.take_answers(frame, &mut connection);
                    self.move_cursor()?;
                    if let Some(left) = left? {
                        return Ok(left);
                    }
                }
                batch = self.queue.recv(), if can_send => {
                    self.send_waiting(batch, &mut connection).await?;
                }
                () = tokio::time::sleep(patience_left.max(Duration::from_millis(1))),
                    if !self.sent.is_empty() =>
                {
                    return Err(Trouble::Passing("no answer came".to_owned()));
                }
            }
        }
    }

    /// Sends this batch, and those behind it that wait already.
    async fn send_waiting(
        &mut self,
        mut batch: Option<Numbered>,
        connection: &mut Connection,
    ) -> Result<(), Trouble> {
        if self.sent.is_empty() {
            self.last_progress_at = Instant::now();
        }
        loop {
            let Some(Numbered { number, batch: phone_batch }) = batch else {
                self.is_last_sent = true;
                break;
            };
            let outcome = phone_batch.outcome;
            let frame = self.encode(number, &phone_batch);
            let message_count = phone_batch.messages.len() as u64;
            let is_acknowledged = false;
            self.sent.push_back(Sent {
                number,
                frame: frame.clone(),
                message_count,
                outcome,
                is_acknowledged,
            });
            let fed = connection.socket.feed(Message::Binary(frame)).await;
            fed.map_err(|error| Trouble::Passing(error.to_string()))?;
            if outcome == Outcome::ConnectionBroken
                || self.sent.len() >= connection.unacknowledged_batches_max
            {
                break;
            }
            match self.queue.try_recv() {
                Ok(next) => batch = Some(next),
                // A queue that has ended is seen by the next `recv`.
                Err(_) => break,
            }
        }
        let flushed = connection.socket.flush().await;
        flushed.map_err(|error| Trouble::Passing(error.to_string()))
    }

    /// After a break that was not planned: everything that was not acknowledged.
    async fn send_again(&mut self, connection: &mut Connection) -> Result<(), Trouble> {
        let passing = |error: tungstenite::Error| Trouble::Passing(error.to_string());
        for sent in self.sent.iter().filter(|sent| !sent.is_acknowledged) {
            self.report.resent_batch_count += 1;
            connection.socket.feed(Message::Binary(sent.frame.clone())).await.map_err(passing)?;
        }
        connection.socket.flush().await.map_err(passing)
    }

    /// Takes this frame and all that are there already, so that the cursor moves once for many.
    fn take_answers(
        &mut self,
        frame: Option<Result<Message, tungstenite::Error>>,
        connection: &mut Connection,
    ) -> Result<Option<Left>, Trouble> {
        let mut next = Some(frame);
        while let Some(frame) = next {
            if let Some(answer) = read_frame(frame)?
                && let Some(left) = self.take_answer(&answer)?
            {
                return Ok(Some(left));
            }
            next = connection.socket.next().now_or_never();
        }
        Ok(None)
    }

    fn take_answer(&mut self, answer: &ServerMessage) -> Result<Option<Left>, Trouble> {
        match answer {
            ServerMessage::Acknowledged { batch, .. } => Ok(self.acknowledged(*batch)),
            ServerMessage::Refused { code: RefusalCode::Unavailable, message, .. } => {
                Err(Trouble::Passing(message.clone()))
            }
            ServerMessage::Refused { code, message, .. } => {
                let (code, message) = (*code, message.clone());
                Err(Trouble::Lasting(PhonesError::Refused { code, message }))
            }
            other => {
                let detail = format!("an answer was due, but came {other:?}");
                Err(Trouble::Lasting(PhonesError::Protocol { detail }))
            }
        }
    }

    fn acknowledged(&mut self, number: u64) -> Option<Left> {
        let first = self.sent.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        let sent = self.sent.get_mut(place).filter(|sent| !sent.is_acknowledged)?;
        sent.is_acknowledged = true;
        self.report.batch_count += 1;
        self.report.message_count += sent.message_count;
        if sent.outcome != Outcome::Acknowledged {
            self.report.lost_acknowledgement_count += 1;
        }
        self.last_progress_at = Instant::now();
        // Nothing is sent after a batch whose connection breaks, so it is the last; when all
        // before it is acknowledged too, breaking loses nothing that is not planned.
        let is_break_due =
            self.sent.back().is_some_and(|last| last.outcome == Outcome::ConnectionBroken)
                && self.sent.iter().all(|sent| sent.is_acknowledged);
        is_break_due.then_some(Left::PlannedBreak)
    }

    fn move_cursor(&mut self) -> Result<(), Trouble> {
        let mut position = None;
        while let Some(sent) = self.sent.front().filter(|sent| sent.is_acknowledged) {
            position = Some(sent.number + 1);
            self.sent.pop_front();
        }
        match position {
            Some(position) => {
                self.cursor.set(position).map_err(|error| Trouble::Lasting(error.into()))
            }
            None => Ok(()),
        }
    }

    fn encode(&self, number: u64, batch: &PhoneBatch) -> Bytes {
        let header = BatchHeader {
            batch: number,
            source: batch.source.clone(),
            sent_at: batch.sent_at.to_string(),
            key: Some(batch.lane.to_string()),
            count: batch.messages.len(),
            arrived_at: self.config.is_simulated_time.then(|| batch.arrived_at.to_string()),
        };
        encode_batch(&header, &batch.messages)
    }
}
