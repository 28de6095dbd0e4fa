//! The simulator, beside a copy of what it writes, and beside another generator.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use sim::{SHARD_COUNT, Scenario, Simulation};

use crate::{
    CHECKOUT, Line, Target, float, median,
    world::{one_in, scaled},
};

/// All payloads of some shards of the first day.
fn simulated(simulation: &Simulation, shards: std::ops::Range<u64>, into: &mut Vec<u8>) {
    let day = simulation.day(simulation.scenario().start_date);
    for shard in shards {
        let mut arrivals = day.shard(shard);
        while let Some(arrival) = arrivals.next() {
            for payload in arrival.messages.payloads() {
                into.extend_from_slice(payload);
            }
            arrivals.recycle(arrival);
        }
    }
}

pub fn measure() -> Vec<Line> {
    let text = fs::read_to_string(Path::new(CHECKOUT).join("scenarios/baseline.toml"));
    let text = scaled(&text.expect("the scenario is there"), one_in() * 10, 1);
    let simulation = Simulation::new(Scenario::from_toml("baseline", &text).expect("a scenario"));
    let mut bytes = Vec::new();
    simulated(&simulation, 0..SHARD_COUNT, &mut bytes);
    let mut again = Vec::with_capacity(bytes.len());
    let (mut one, mut two, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        again.clear();
        let started = Instant::now();
        simulated(&simulation, 0..SHARD_COUNT, &mut again);
        one.push(started.elapsed().as_secs_f64());
        assert_eq!(again.len(), bytes.len());
        let started = Instant::now();
        again.copy_from_slice(&bytes);
        copies.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        thread::scope(|scope| {
            for half in [0..SHARD_COUNT / 2, SHARD_COUNT / 2..SHARD_COUNT] {
                let (simulation, capacity) = (&simulation, bytes.len());
                scope.spawn(move || {
                    simulated(simulation, half, &mut Vec::with_capacity(capacity));
                });
            }
        });
        two.push(started.elapsed().as_secs_f64());
    }
    let (one, two, copies) = (median(one), median(two), median(copies));
    let rate = float(bytes.len()) / one / 1e6;
    let mut lines = vec![
        Line {
            id: "sim/copies",
            figure: one / copies,
            unit: "times a copy",
            target: Target::None,
            note: format!("{rate:.0} MB/s of payloads on one core"),
        },
        Line {
            id: "sim/two_parts",
            figure: one / two,
            unit: "times one",
            target: Target::AtLeast(1.8),
            note: "two halves of the shards, each on a core".to_owned(),
        },
    ];
    lines.extend(against_tpch(rate));
    lines
}

/// `tpchgen-cli` on one core, if it is installed.
fn against_tpch(rate: f64) -> Option<Line> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("tpchgen-cli");
    command.args(["--scale-factor", "1", "--tables", "lineitem", "--num-threads", "1"]);
    command.args(["--format", "tbl", "--output-dir"]).arg(folder.path());
    let started = Instant::now();
    let said = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let seconds = started.elapsed().as_secs_f64();
    if !said.is_ok_and(|status| status.success()) {
        println!("sim/tpchgen: NOT MEASURED: there is no `tpchgen-cli` on the path");
        return None;
    }
    let written = fs::metadata(folder.path().join("lineitem.tbl")).expect("it was written").len();
    let written = float(usize::try_from(written).expect("a size"));
    Some(Line {
        id: "sim/tpchgen",
        figure: rate / (written / seconds / 1e6),
        unit: "times tpchgen",
        target: Target::AtLeast(1.0),
        note: format!("{:.0} MB/s of `lineitem`", written / seconds / 1e6),
    })
}
