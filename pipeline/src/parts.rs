//! A simulation on all cores: each thread has its part of the shards, and what the threads make of
//! the batches is handed over in the order of the shards, whatever the number of threads.
//!
//! Not for: what is made of the batches, which is up to a [`Worker`].

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use jiff::civil::Date;
use sim::{Arrival, Day, SHARD_COUNT, Simulation};

/// What is handed over together is made of about so many messages.
const CHUNK_MESSAGES: usize = 2_000;

/// So many chunks of a part wait to be handed over: shards of all but the largest worlds.
const QUEUED_CHUNKS_MAX: usize = 16;

/// What a thread does with the batches of its part.
pub trait Worker: Send + 'static {
    /// What is handed over.
    type Made: Default + Send + 'static;

    /// Adds a batch to what is handed over, and gives it back if its memory is free again.
    fn take(&mut self, arrival: Arrival, made: &mut Self::Made) -> Option<Arrival>;
}

/// A simulation under way.
pub struct Parts<W: Worker> {
    chunks: Vec<Receiver<Chunk<W::Made>>>,
    /// The shard that is handed over.
    shard: u64,
    days_left: usize,
}

struct Chunk<M> {
    made: M,
    ends_shard: bool,
}

/// How many parts keep all cores busy.
pub fn part_count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl<W: Worker> Parts<W> {
    /// Begins to simulate the days, in a part for each worker.
    pub fn start(simulation: &Arc<Simulation>, dates: &[Date], workers: Vec<W>) -> Self {
        let part_count = workers.len();
        let mut chunks = Vec::new();
        for (part, mut worker) in (0..).zip(workers) {
            let (queue, received) = sync_channel(QUEUED_CHUNKS_MAX);
            chunks.push(received);
            let (simulation, dates) = (Arc::clone(simulation), dates.to_owned());
            thread::spawn(move || {
                // Who takes the chunks may have enough of them.
                let _ = dates.into_iter().try_for_each(|date| {
                    let day = simulation.day(date);
                    let mut shards = (part..SHARD_COUNT).step_by(part_count);
                    shards.try_for_each(|shard| make(&day, shard, &mut worker, &queue))
                });
            });
        }
        Self { chunks, shard: 0, days_left: dates.len() }
    }

    /// What comes next of the present day; `None` at its end, after which the next day begins.
    pub fn next_of_day(&mut self) -> Option<W::Made> {
        if self.shard == SHARD_COUNT {
            self.shard = 0;
            self.days_left -= 1;
            return None;
        }
        let part = usize::try_from(self.shard % self.chunks.len() as u64)
            .expect("a remainder of a usize is a usize");
        let chunk = self.chunks[part].recv().expect("a part says where each of its shards ends");
        self.shard += u64::from(chunk.ends_shard);
        Some(chunk.made)
    }

    /// What is left of all days.
    pub fn all(mut self) -> impl Iterator<Item = W::Made> + Send {
        std::iter::from_fn(move || {
            while self.days_left > 0 {
                let made = self.next_of_day();
                if made.is_some() {
                    return made;
                }
            }
            None
        })
    }
}

/// Hands over what is made of a shard; the error is that nobody takes it.
fn make<W: Worker>(
    day: &Day<'_>,
    shard: u64,
    worker: &mut W,
    queue: &SyncSender<Chunk<W::Made>>,
) -> Result<(), ()> {
    let hand_over = |made, ends_shard| queue.send(Chunk { made, ends_shard }).map_err(|_| ());
    let (mut made, mut message_count) = (W::Made::default(), 0);
    let mut arrivals = day.shard(shard);
    while let Some(arrival) = arrivals.next() {
        message_count += arrival.messages.len();
        if let Some(arrival) = worker.take(arrival, &mut made) {
            arrivals.recycle(arrival);
        }
        if message_count >= CHUNK_MESSAGES {
            message_count = 0;
            hand_over(std::mem::take(&mut made), false)?;
        }
    }
    hand_over(made, true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sim::Scenario;

    use super::*;

    /// Hands everything over; somebody sees whether it is still there.
    struct Everything {
        _seen: Arc<()>,
    }

    impl Worker for Everything {
        type Made = Vec<Arrival>;

        fn take(&mut self, arrival: Arrival, made: &mut Vec<Arrival>) -> Option<Arrival> {
            made.push(arrival);
            None
        }
    }

    fn start(part_count: usize) -> (Parts<Everything>, Vec<Date>) {
        start_seen(part_count, &Arc::default())
    }

    fn start_seen(part_count: usize, seen: &Arc<()>) -> (Parts<Everything>, Vec<Date>) {
        let scenario =
            Scenario::from_toml("tiny", include_str!("../../scenarios/tiny.toml")).unwrap();
        let simulation = Arc::new(Simulation::new(scenario));
        let dates: Vec<Date> = simulation.load_dates().collect();
        let workers = (0..part_count).map(|_| Everything { _seen: Arc::clone(seen) }).collect();
        (Parts::start(&simulation, &dates, workers), dates)
    }

    #[test]
    fn the_order_does_not_depend_on_the_number_of_parts() {
        let made = |part_count| start(part_count).0.all().flatten().collect::<Vec<_>>();
        let alone = made(1);
        assert!(!alone.is_empty());
        assert_eq!(made(2), alone);
        assert_eq!(made(7), alone);
    }

    #[test]
    fn days_follow_each_other() {
        let (mut parts, dates) = start(2);
        for date in dates {
            let mut batch_count = 0;
            while let Some(made) = parts.next_of_day() {
                assert!(made.iter().all(|arrival| arrival.arrived_at.date() == date));
                batch_count += made.len();
            }
            assert!(batch_count > 0, "{date}");
        }
    }

    #[test]
    fn who_has_enough_of_it_may_go() {
        let seen = Arc::default();
        let (mut parts, _) = start_seen(2, &seen);
        assert!(parts.next_of_day().is_some());
        drop(parts);
        let ended = (0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(10));
            Arc::strong_count(&seen) == 1
        });
        assert!(ended, "the threads end");
    }
}
