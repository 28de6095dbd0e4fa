//! The messages of a batch, in one buffer.

use crate::arrival::{Meaning, Message};

/// Messages in the order in which they stand in their batch: the bytes of all behind each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    bytes: Vec<u8>,
    /// Where in the bytes each message ends.
    ends: Vec<u32>,
    /// What each of them means; nothing if nobody asked.
    meanings: Vec<Meaning>,
}

impl Messages {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of each as sent, without a line feed (0x0A).
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges().map(|range| &self.bytes[range])
    }

    /// The messages with what they mean, for those who asked for it.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        assert_eq!(self.meanings.len(), self.ends.len(), "meanings were asked for");
        let messages = self.payloads().zip(&self.meanings);
        messages.map(|(payload, meaning)| Message { payload, meaning })
    }

    /// The buffer with the bytes of all, and where in it each of them is: for who keeps the buffer.
    pub fn into_parts(self) -> (Vec<u8>, impl Iterator<Item = std::ops::Range<usize>>) {
        let mut start = 0;
        let ranges = self.ends.into_iter().map(move |end| {
            let end = end as usize;
            std::mem::replace(&mut start, end)..end
        });
        (self.bytes, ranges)
    }

    /// Adds a message.
    pub fn push(&mut self, payload: &[u8], meaning: Meaning) {
        self.write(|bytes| bytes.extend_from_slice(payload));
        self.meanings.push(meaning);
    }

    /// Adds a message whose bytes are appended by `write`, and nothing of its meaning.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        let end = u32::try_from(self.bytes.len()).expect("a batch is less than 4 GB");
        self.ends.push(end);
    }

    /// Says what the message means that was written last.
    pub(crate) fn mean(&mut self, meaning: Meaning) {
        self.meanings.push(meaning);
    }

    /// Takes all messages out, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.meanings.clear();
    }

    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let ends = self.ends.iter().map(|end| *end as usize);
        std::iter::once(0).chain(ends.clone()).zip(ends).map(|(start, end)| start..end)
    }
}

impl<P: AsRef<[u8]>> FromIterator<(P, Meaning)> for Messages {
    fn from_iter<I: IntoIterator<Item = (P, Meaning)>>(messages: I) -> Messages {
        let mut all = Messages::default();
        for (payload, meaning) in messages {
            all.push(payload.as_ref(), meaning);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;
    use crate::arrival::{Meaning, RejectReason};

    #[test]
    fn messages_come_out_as_they_went_in() {
        let meaning = || Meaning::Invalid(RejectReason::NotJson);
        let payloads = ["one", "", "three"];
        let mut messages: Messages =
            payloads.map(|payload| (payload, meaning())).into_iter().collect();
        assert_eq!(messages.len(), 3);
        assert!(messages.iter().map(|message| message.payload).eq(payloads.map(str::as_bytes)));
        let (bytes, ranges) = messages.clone().into_parts();
        assert!(ranges.map(|range| &bytes[range]).eq(payloads.map(str::as_bytes)));
        messages.clear();
        assert!(messages.is_empty() && messages.payloads().next().is_none());
    }
}
