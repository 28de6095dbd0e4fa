//! `lakebed tail`: a second subscriber, which prints messages as they come.
//!
//! Not for: what came before; that is in the raw layer.

use std::collections::BTreeSet;

use futures::{StreamExt, stream::select_all};
use serde_json::json;

use super::{Failure, adapters, gateway::interrupted, open, output};
use crate::{
    bus::{Delivery, Flow},
    cli::{Place, TailArgs},
    target::BusKind,
};

/// What is asked for ahead of the screen.
const FLOW: Flow = Flow { message_count_max: 1_000, payload_bytes_max: 16 << 20 };

pub fn tail(place: &Place, args: &TailArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    if open.target.bus == BusKind::Embedded {
        return Err(Failure::usage("an embedded bus belongs to the process that has it open")
            .hint("look at what was archived; or name a bus that many share by --target"));
    }
    let known = open.project.sources.keys().cloned();
    let sources: BTreeSet<String> = match &args.source {
        Some(name) if !open.project.sources.contains_key(name) => {
            return Err(open::unknown_source(&open, name));
        }
        Some(name) => [name.clone()].into(),
        None => known.collect(),
    };
    open::runtime()?.block_on(async {
        let monitor = adapters::monitor(&open.target, &sources).await?;
        let mut streams = Vec::new();
        for (source, subscription) in &monitor.subscriptions {
            let deliveries = monitor.bus.subscribe(subscription, FLOW).await?;
            streams.push(deliveries.map(move |next| (source, next)).boxed());
        }
        eprintln!("waiting for messages; Ctrl-C ends it");
        let messages = select_all(streams).take(args.count.unwrap_or(usize::MAX));
        let mut messages = messages.take_until(Box::pin(interrupted()));
        let mut printed = Ok(());
        while let Some((source, next)) = messages.next().await {
            let Delivery { message, lease } = match next {
                Ok(delivery) => delivery,
                Err(error) => {
                    printed = Err(error.into());
                    break;
                }
            };
            let line = json!({
                "source": source,
                "published_at": message.published_at.to_string(),
                "message_id": message.message_id.0,
                "attributes": *message.attributes,
                "payload": String::from_utf8_lossy(&message.payload),
            });
            printed = output::print(&format!("{line}\n"));
            if printed.is_err() {
                break;
            }
            lease.acknowledge();
        }
        drop(messages);
        monitor.end().await?;
        printed
    })
}
