//! Where batches wait in the order of their lane, and buffers for the next ones.

use crate::arrival::Arrival;
use crate::messages::Messages;
use crate::time::MicrosUtc;
use std::collections::VecDeque;

/// Batches that are ready, and buffers that are free.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Whether somebody asks what the messages mean.
    pub(crate) has_meanings: bool,
    ready: VecDeque<Arrival>,
    /// Batches of the present lane, in no order.
    open: Vec<Arrival>,
    free: Vec<Messages>,
}

impl Outbox {
    pub(crate) const fn new(has_meanings: bool) -> Outbox {
        Outbox { has_meanings, ready: VecDeque::new(), open: Vec::new(), free: Vec::new() }
    }

    /// A buffer for a batch, with nothing in it.
    pub(crate) fn buffer(&mut self) -> Messages {
        self.free.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(crate) fn recycle(&mut self, mut messages: Messages) {
        messages.clear();
        self.free.push(messages);
    }

    /// Adds a batch of the present lane.
    pub(crate) fn push(&mut self, arrival: Arrival) {
        self.open.push(arrival);
    }

    /// Ends the lane: its batches get their order, moved apart where they arrive in the same
    /// microsecond, without moving anything out of the day.
    pub(crate) fn end_lane(&mut self, day: i64) {
        let lane = &mut self.open;
        lane.sort_by_key(|arrival| arrival.arrived_at);
        let mut last = MicrosUtc(i64::MIN);
        for arrival in lane.iter_mut() {
            if arrival.arrived_at <= last {
                arrival.arrived_at = last.plus(1);
            }
            last = arrival.arrived_at;
        }
        let mut next = MicrosUtc::start_of(day + 1);
        for arrival in lane.iter_mut().rev() {
            if arrival.arrived_at >= next {
                arrival.arrived_at = next.plus(-1);
            }
            next = arrival.arrived_at;
        }
        self.ready.extend(lane.drain(..));
    }

    /// The next batch that is ready.
    pub(crate) fn pop(&mut self) -> Option<Arrival> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::Outbox;
    use crate::arrival::{Arrival, Outcome, Source};
    use crate::messages::Messages;
    use crate::time::MicrosUtc;

    #[test]
    fn a_lane_is_in_order_and_stays_in_its_day() {
        let midnight = MicrosUtc::start_of(11);
        let mut outbox = Outbox::new(false);
        for before_midnight in [1, 7, 1, 2, 1, 9, 9] {
            outbox.push(Arrival {
                source: Source::MobileEvents,
                lane: 0,
                arrived_at: midnight.plus(-before_midnight),
                sent_at: midnight,
                messages: Messages::default(),
                outcome: Outcome::Acknowledged,
            });
        }
        outbox.end_lane(10);
        let arrivals = std::iter::from_fn(|| outbox.pop());
        let before_midnight: Vec<_> =
            arrivals.map(|arrival| midnight.0 - arrival.arrived_at.0).collect();
        assert_eq!(before_midnight, [9, 8, 7, 4, 3, 2, 1]);
    }
}
