//! `lakebed sim`: the messages of a scenario, written or sent to a gateway, without a pipeline.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use sim::{Arrival, Simulation, Source};

use super::{Failure, open, output, summary};
use crate::{
    cli::{Place, SimArgs, SimFormat},
    ingest::phone_batch,
    phones::{Phones, PhonesConfig},
};

pub fn sim(place: &Place, args: &SimArgs) -> Result<(), Failure> {
    let open = open::project(place)?;
    let (mut scenario, _) = open::scenario(&open, &args.scenario)?;
    scenario.days = args.days.unwrap_or(scenario.days).min(scenario.days);
    let source = args.source.as_deref().map(source).transpose()?;
    let simulation = Simulation::new(scenario);
    let is_wanted = move |arrival: &Arrival| source.is_none_or(|source| arrival.source == source);
    let dates: Vec<_> = simulation.load_dates().collect();
    let arrivals =
        dates.into_iter().flat_map(move |date| simulation.arrivals(date)).filter(is_wanted);
    match (&args.to, &args.output) {
        (Some(url), _) => send(place, args, url, arrivals),
        (None, Some(path)) => {
            let cannot = |error: io::Error| {
                Failure::data(error).hint(format!("cannot write {}", path.display()))
            };
            let file = File::create(path).map_err(cannot)?;
            write(arrivals, args.format, BufWriter::new(file)).map(tell).map_err(cannot)
        }
        (None, None) => {
            let stdout = BufWriter::new(io::stdout().lock());
            match write(arrivals, args.format, stdout).map(tell) {
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

/// Writes a line a message; returns how many could not be a line.
fn write(
    arrivals: impl Iterator<Item = Arrival>,
    format: SimFormat,
    mut sink: impl Write,
) -> io::Result<u64> {
    let mut left_out_count = 0;
    for arrival in arrivals {
        for message in &arrival.messages {
            match format {
                SimFormat::Message => writeln!(sink, "{}", line(&arrival, &message.payload))?,
                SimFormat::Payload if is_line(&message.payload) => {
                    sink.write_all(&message.payload)?;
                    sink.write_all(b"\n")?;
                }
                SimFormat::Payload => left_out_count += 1,
            }
        }
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

fn line(arrival: &Arrival, payload: &[u8]) -> serde_json::Value {
    let mut line = json!({
        "source": arrival.source.name(),
        "arrived_at": crate::clock::MicrosUtc(arrival.arrived_at.0).to_string(),
        "sent_at": crate::clock::MicrosUtc(arrival.sent_at.0).to_string(),
        "lane": arrival.lane,
    });
    match std::str::from_utf8(payload) {
        Ok(text) => line["payload"] = text.into(),
        Err(_) => line["payload_base64"] = STANDARD.encode(payload).into(),
    }
    line
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
    arrivals: impl Iterator<Item = Arrival> + Send + 'static,
) -> Result<(), Failure> {
    let cursors = tempfile::tempdir().map_err(Failure::data)?;
    let cursor = cursors.path().join("cursor");
    let token = args.token.clone().unwrap_or_default();
    let mut config = PhonesConfig::new(url.to_owned(), token, args.scenario.clone(), cursor);
    config.is_simulated_time = false;
    let sending = Phones::drive(arrivals.map(phone_batch), config);
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
