//! The one thread that writes the embedded bus's file. It takes all requests that are waiting
//! into one transaction (group commit), since a sync of the disk costs the same for one message
//! as for thousands.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use lakebed_ports::{
    bus::{MessageId, SubscriptionConfig},
    crash,
    port_error::PortError,
};
use tokio::sync::oneshot;

use super::{
    block::{self, BlockMessage},
    embedded::{Shared, Subscription, Topic},
    error,
    sequence_set::SequenceSet,
    storage::{Change, TopicRecord},
};

/// A transaction takes no further requests beyond this.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;
/// A block ends here; one message may be larger.
const BLOCK_BYTES_MAX: usize = 1 << 20;
const BLOCK_MESSAGE_COUNT_MAX: usize = 4096;

type Answer = Box<dyn FnOnce(Result<(), PortError>) + Send>;
type Reply<T> = oneshot::Sender<Result<T, PortError>>;

/// What the thread is asked to do.
pub enum Request {
    CreateTopic {
        topic: String,
        /// What the ids of its messages begin with.
        id_prefix: String,
        reply: Reply<()>,
    },
    CreateSubscription {
        config: SubscriptionConfig,
        reply: Reply<()>,
    },
    Publish {
        topic: String,
        messages: Vec<BlockMessage>,
        reply: Reply<Vec<MessageId>>,
    },
    /// Nobody waits for it.
    Acknowledge {
        subscription: Arc<str>,
        sequence: u64,
    },
    /// Answered when all that was asked before is done.
    Flush {
        reply: Reply<()>,
    },
}

impl Request {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Publish { messages, .. } => {
                messages.iter().map(|message| message.payload.len() + 64).sum()
            }
            Self::Acknowledge { .. } => 8,
            Self::CreateTopic { .. } | Self::CreateSubscription { .. } | Self::Flush { .. } => 64,
        }
    }
}

/// The thread's own view of what is stored, ahead of the shared one by the open transaction.
pub struct Writer {
    pub shared: Arc<Shared>,
    pub topics: BTreeMap<String, TopicRecord>,
    pub subscriptions: BTreeMap<String, (SubscriptionConfig, SequenceSet)>,
}

/// What one transaction changes, collected from its requests.
#[derive(Default)]
struct Group {
    topics: BTreeMap<String, Vec<BlockMessage>>,
    topics_created: Vec<String>,
    subscriptions_created: Vec<String>,
    acknowledged: BTreeMap<Arc<str>, Vec<u64>>,
    answers: Vec<Answer>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.topics.is_empty()
            && self.topics_created.is_empty()
            && self.subscriptions_created.is_empty()
            && self.acknowledged.is_empty()
    }
}

impl Writer {
    /// Serves requests until all senders are gone.
    pub fn run(mut self, requests: &mpsc::Receiver<Request>) {
        while let Ok(request) = requests.recv() {
            let mut group = Group::default();
            let mut size_bytes = request.size_bytes();
            self.collect(request, &mut group);
            while size_bytes < TRANSACTION_BYTES_MAX
                && let Ok(request) = requests.try_recv()
            {
                size_bytes += request.size_bytes();
                self.collect(request, &mut group);
            }
            let result = match self.shared.failure() {
                Some(failure) => Err(failure.clone()),
                None => self.commit(&mut group),
            };
            if let Err(error) = &result {
                self.shared.fail(error);
            }
            for answer in group.answers {
                answer(result.clone());
            }
        }
    }

    fn collect(&mut self, request: Request, group: &mut Group) {
        match request {
            Request::CreateTopic { topic, id_prefix, reply } => {
                if !self.topics.contains_key(&topic) {
                    let id = self.topics.values().map(|topic| topic.id + 1).max().unwrap_or(0);
                    let record =
                        TopicRecord { name: topic.clone(), id, id_prefix, next_sequence: 1 };
                    self.topics.insert(topic.clone(), record);
                    group.topics_created.push(topic);
                }
                group.answers.push(answer(reply, ()));
            }
            Request::CreateSubscription { config, reply } => {
                match self.create_subscription(config, group) {
                    Ok(()) => group.answers.push(answer(reply, ())),
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Request::Publish { topic, messages, reply } => match self.topics.get_mut(&topic) {
                Some(record) => {
                    let first = record.next_sequence;
                    record.next_sequence += messages.len() as u64;
                    let id = |sequence| block::message_id(&record.id_prefix, sequence);
                    let ids = (first..record.next_sequence).map(id).collect();
                    group.topics.entry(topic).or_default().extend(messages);
                    group.answers.push(answer(reply, ids));
                }
                None => drop(reply.send(Err(error::unknown_topic(&topic)))),
            },
            Request::Acknowledge { subscription, sequence } => {
                if let Some((_, set)) = self.subscriptions.get_mut(&*subscription) {
                    set.insert(sequence);
                    group.acknowledged.entry(subscription).or_default().push(sequence);
                }
            }
            Request::Flush { reply } => group.answers.push(answer(reply, ())),
        }
    }

    fn create_subscription(
        &mut self,
        config: SubscriptionConfig,
        group: &mut Group,
    ) -> Result<(), PortError> {
        let Some(topic) = self.topics.get(&config.topic) else {
            return Err(error::unknown_topic(&config.topic));
        };
        if let Some((existing, _)) = self.subscriptions.get(&config.name) {
            if (&existing.topic, existing.is_ordered) == (&config.topic, config.is_ordered) {
                return Ok(());
            }
            let order = if existing.is_ordered { "ordered" } else { "unordered" };
            let existing = format!("topic `{}`, {order}", existing.topic);
            return Err(error::subscription_differs(&config.name, &existing));
        }
        let is_first = self.subscriptions.values().all(|(other, _)| other.topic != config.topic);
        let pending = group.topics.get(&config.topic).map_or(0, Vec::len) as u64;
        let start = if is_first {
            let kept = self.shared.with_storage(|storage| storage.first_sequence(topic.id))?;
            kept.unwrap_or(topic.next_sequence - pending)
        } else {
            topic.next_sequence
        };
        group.subscriptions_created.push(config.name.clone());
        self.subscriptions.insert(config.name.clone(), (config, SequenceSet::below(start)));
        Ok(())
    }

    fn commit(&mut self, group: &mut Group) -> Result<(), PortError> {
        if group.is_empty() {
            return Ok(());
        }
        crash::point("bus::before_commit");
        let blocks = self.encode_blocks(group)?;
        let mut changes = Vec::new();
        for topic in group.topics.keys().chain(&group.topics_created) {
            changes.push(Change::Topic(&self.topics[topic]));
        }
        for (topic_id, first_sequence, block) in &blocks {
            let (topic_id, first_sequence) = (*topic_id, *first_sequence);
            changes.push(Change::Block { topic_id, first_sequence, block });
        }
        for name in &group.subscriptions_created {
            changes.push(Change::Subscription(&self.subscriptions[name].0));
        }
        let acknowledged = group.acknowledged.keys().map(AsRef::as_ref);
        let created = group.subscriptions_created.iter().map(String::as_str);
        for name in acknowledged.chain(created) {
            let set = &self.subscriptions[name].1;
            changes.push(Change::Acknowledged { subscription: name, set });
        }
        for name in group.acknowledged.keys() {
            let topic = &self.topics[&self.subscriptions[&**name].0.topic];
            changes.push(self.drop_acknowledged(topic));
        }
        self.shared.with_storage(|storage| storage.commit(&changes))?;
        crash::point("bus::after_commit");
        self.show(group);
        Ok(())
    }

    /// Cuts each topic's new messages into blocks: topic id, first sequence number, bytes.
    fn encode_blocks(&self, group: &mut Group) -> Result<Vec<(u32, u64, Vec<u8>)>, PortError> {
        let mut blocks = Vec::new();
        for (topic, messages) in &mut group.topics {
            let topic = &self.topics[topic];
            let messages = std::mem::take(messages);
            let mut first_sequence = topic.next_sequence - messages.len() as u64;
            let mut rest = &messages[..];
            while !rest.is_empty() {
                let mut size_bytes = 0;
                let count = rest
                    .iter()
                    .take(BLOCK_MESSAGE_COUNT_MAX)
                    .take_while(|message| {
                        let fits = size_bytes == 0 || size_bytes < BLOCK_BYTES_MAX;
                        size_bytes += message.payload.len() + 1;
                        fits
                    })
                    .count();
                let (block, after) = rest.split_at(count);
                let encoded = block::encode(block).map_err(|error| self.shared.damaged(error))?;
                blocks.push((topic.id, first_sequence, encoded));
                first_sequence += count as u64;
                rest = after;
            }
        }
        Ok(blocks)
    }

    /// What every subscription of the topic has acknowledged need not be kept.
    fn drop_acknowledged(&self, topic: &TopicRecord) -> Change<'static> {
        let sequence = self
            .subscriptions
            .values()
            .filter(|(config, _)| config.topic == topic.name)
            .map(|(_, set)| set.watermark())
            .min()
            .unwrap_or(0);
        Change::DropBelow { topic_id: topic.id, sequence, next_sequence: topic.next_sequence }
    }

    /// Lets pulls see what is now durable.
    fn show(&self, group: &Group) {
        for name in &group.topics_created {
            let topic = &self.topics[name];
            self.shared.insert_topic(name, Topic::new(topic));
        }
        for name in group.topics.keys() {
            if let Ok(topic) = self.shared.topic(name) {
                self.shared.show_messages(&topic, self.topics[name].next_sequence);
            }
        }
        for name in &group.subscriptions_created {
            let (config, set) = self.subscriptions[name].clone();
            if let Ok(topic) = self.shared.topic(&config.topic) {
                self.shared.insert_subscription(Subscription::new(topic, config, set));
            }
        }
        for (name, sequences) in &group.acknowledged {
            if let Ok(subscription) = self.shared.subscription(name) {
                let mut queue = subscription.queue();
                for &sequence in sequences {
                    queue.state.acknowledge(sequence);
                }
                drop(queue);
                subscription.changed.send_replace(());
            }
        }
    }
}

fn answer<T: Send + 'static>(reply: Reply<T>, value: T) -> Answer {
    // Nobody minds if the asker has gone away.
    Box::new(move |result| drop(reply.send(result.map(|()| value))))
}
