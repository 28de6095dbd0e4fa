//! `lakebed sim`: the messages of a scenario, written or sent to a gateway, without a pipeline.

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::json;
use sim::{Arrival, Simulation, Source};

use super::{Failure, open, output, summary};
use crate::{
    cli::{Place, SimArgs, SimFormat},
    clock::MicrosUtc,
    ingest::phone_batch,
    parts::{Parts, Worker, part_count},
    phones::{PhoneBatch, Phones, PhonesConfig},
};

pub fn sim(place: &Place, args: &SimArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let (mut scenario, _) = open::scenario(&open, &args.scenario)?;
    scenario.days = args.days.unwrap_or(scenario.days).min(scenario.days);
    let source = args.source.as_deref().map(source).transpose()?;
    let simulation = Arc::new(Simulation::new(scenario));
    let dates: Vec<_> = simulation.load_dates().collect();
    let lines = || {
        let workers = (0..part_count()).map(|_| Lines { source, format: args.format });
        Parts::start(&simulation, &dates, workers.collect())
    };
    match (&args.to, &args.output) {
        (Some(url), _) => {
            let workers = (0..part_count()).map(|_| Batches { source });
            let parts = Parts::start(&simulation, &dates, workers.collect());
            send(place, args, url, parts.all().flatten())
        }
        (None, Some(path)) => {
            let cannot = |error: io::Error| {
                Failure::data(error).hint(format!("cannot write {}", path.display()))
            };
            let file = File::create(path).map_err(cannot)?;
            write(lines().all(), file).map(tell).map_err(cannot)
        }
        (None, None) => {
            match write(lines().all(), io::stdout().lock()).map(tell) {
                // The reader has what it wanted.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(output::failed),
            }
        }
    }
}

fn source(name: &str) -> Result<Source, Failure> {
    let known = Source::ALL.map(Source::name);
    Source::ALL.into_iter().find(|source| source.name() == name).ok_or_else(|| {
        Failure::usage(format!("the simulator has no source `{name}`"))
            .hint(format!("its sources are {}", known.join(", ")))
    })
}

/// Batches for phones to send.
struct Batches {
    source: Option<Source>,
}

impl Worker for Batches {
    type Made = Vec<PhoneBatch>;

    fn take(&mut self, arrival: Arrival, made: &mut Vec<PhoneBatch>) -> Option<Arrival> {
        if self.source.is_some_and(|source| source != arrival.source) {
            return Some(arrival);
        }
        made.push(phone_batch(arrival));
        None
    }
}

/// Lines, one a message.
struct Lines {
    source: Option<Source>,
    format: SimFormat,
}

/// Whole lines, and how many messages could not be one.
#[derive(Default)]
struct Written {
    lines: Vec<u8>,
    left_out_count: u64,
}

impl Worker for Lines {
    type Made = Written;

    fn take(&mut self, arrival: Arrival, made: &mut Written) -> Option<Arrival> {
        if self.source.is_some_and(|source| source != arrival.source) {
            return Some(arrival);
        }
        for payload in arrival.messages.payloads() {
            match self.format {
                SimFormat::Message => write_line(&arrival, payload, &mut made.lines),
                SimFormat::Payload if is_line(payload) => made.lines.extend_from_slice(payload),
                SimFormat::Payload => {
                    made.left_out_count += 1;
                    continue;
                }
            }
            made.lines.push(b'\n');
        }
        Some(arrival)
    }
}

/// Writes all lines; returns how many messages are left out.
fn write(written: impl Iterator<Item = Written>, mut sink: impl Write) -> io::Result<u64> {
    let mut left_out_count = 0;
    for written in written {
        sink.write_all(&written.lines)?;
        left_out_count += written.left_out_count;
    }
    sink.flush()?;
    Ok(left_out_count)
}

/// Whether a payload comes back as it is when lines are read: not empty, and no line break in it.
fn is_line(payload: &[u8]) -> bool {
    !payload.iter().all(u8::is_ascii_whitespace)
        && !payload.contains(&b'\n')
        && !payload.ends_with(b"\r")
}

/// A message as an object in one line.
#[derive(Serialize)]
struct Line<'a> {
    arrived_at: String,
    lane: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    sent_at: String,
    source: &'static str,
}

fn write_line(arrival: &Arrival, payload: &[u8], lines: &mut Vec<u8>) {
    let text = std::str::from_utf8(payload).ok();
    let line = Line {
        arrived_at: MicrosUtc(arrival.arrived_at.0).to_string(),
        lane: arrival.lane,
        payload: text,
        payload_base64: text.is_none().then(|| STANDARD.encode(payload)),
        sent_at: MicrosUtc(arrival.sent_at.0).to_string(),
        source: arrival.source.name(),
    };
    serde_json::to_writer(lines, &line).expect("texts and numbers are JSON");
}

fn tell(left_out_count: u64) {
    if left_out_count > 0 {
        eprintln!("{left_out_count} messages are left out: they hold a line break, or nothing");
    }
}

/// Hands the batches in as phones do. They arrive now, whenever the scenario plays.
fn send(
    place: &Place,
    args: &SimArgs,
    url: &str,
    batches: impl Iterator<Item = PhoneBatch> + Send + 'static,
) -> Result<(), Failure> {
    let cursors = tempfile::tempdir().map_err(Failure::data)?;
    let cursor = cursors.path().join("cursor");
    let token = args.token.clone().unwrap_or_default();
    let mut config = PhonesConfig::new(url.to_owned(), token, args.scenario.clone(), cursor);
    config.is_simulated_time = false;
    let sending = Phones::drive(batches, config);
    let report = open::runtime()?.block_on(sending).map_err(|error| {
        Failure::data(error).hint(format!("is a gateway listening at {url}, with that token?"))
    })?;
    if place.json {
        let json = json!({
            "batch_count": report.batch_count,
            "message_count": report.message_count,
            "resent_batch_count": report.resent_batch_count,
        });
        return output::print(&format!("{json}\n"));
    }
    output::print(&format!(
        "{} batches with {} messages acknowledged by {url}\n",
        summary::grouped(report.batch_count),
        summary::grouped(report.message_count)
    ))
}
