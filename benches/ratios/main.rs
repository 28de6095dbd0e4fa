//! The ratios that lakebed promises, over days of a real size: each beside its yardstick of the same run,
//! with its target. `cargo xtask ratios` prints them, and adds them to `benches/ratios.csv`.
//!
//! Not for: what a millisecond measures (`pipeline.rs`).

mod builds;
mod simulator;
mod world;

use std::{
    env,
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    process::{Command, ExitCode},
};

use serde_json::Value;

use crate::world::one_in;

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
const HISTORY: &str = "benches/ratios.csv";
/// The argument with which this program is DuckDB and nothing else.
const DUCKDB: &str = "--duckdb";

const HELP: &str = "\
usage: cargo xtask ratios [AREA …]

  sim        lines a second of one core against copies of the same bytes; two parts against one
  day        a day of two million events: into the raw layer, all tables, memory
  script     `build` of that day against the script that it emits, run by DuckDB alone, in turn
  powers     how the seconds of each table grow with the volume of a day
  history    a day of `baseline` after 30, 59 and 364 days; planning, and one changed partition
  limits     ten times that day (20 million events) in 2 GB; not run unless it is named

Without an AREA all but `limits`: half an hour on two cores. LAKEBED_ONE_IN=2500 makes the large day smaller.
";

/// What a target asks of a figure.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Said, and not judged.
    None,
}

/// One figure.
struct Line {
    /// `area/case`.
    id: &'static str,
    figure: f64,
    unit: &'static str,
    target: Target,
    note: String,
}

impl Line {
    fn is_missed(&self) -> bool {
        match self.target {
            Target::AtMost(most) => self.figure > most,
            Target::AtLeast(least) => self.figure < least,
            Target::None => false,
        }
    }

    fn print(&self) {
        let target = match self.target {
            Target::AtMost(most) => format!("at most {most}"),
            Target::AtLeast(least) => format!("at least {least}"),
            Target::None => String::new(),
        };
        let verdict = if self.is_missed() { "MISSED" } else { "" };
        let figure = format!("{:.3} {}", self.figure, self.unit);
        println!("{:<28} {figure:>22}  {target:<18} {verdict:<7} {}", self.id, self.note);
    }
}

type Area = (&'static str, fn() -> Vec<Line>);
const AREAS: [Area; 6] = [
    ("sim", simulator::measure),
    ("day", builds::day),
    ("script", builds::script),
    ("powers", builds::powers),
    ("history", builds::history),
    ("limits", builds::limits),
];

fn main() -> ExitCode {
    // Cargo says `--bench` to every benchmark.
    let arguments: Vec<String> = env::args().skip(1).filter(|name| name != "--bench").collect();
    if let [flag, database, scripts @ ..] = arguments.as_slice()
        && flag == DUCKDB
    {
        builds::duckdb_alone(Path::new(database), scripts);
        return ExitCode::SUCCESS;
    }
    let unknown = |name: &&String| AREAS.iter().all(|(area, _)| area != name);
    if let Some(name) = arguments.iter().find(unknown) {
        eprint!("there is no area `{name}`\n\n{HELP}");
        return ExitCode::from(2);
    }
    let is_wanted = |area: &str| match arguments.as_slice() {
        [] => area != "limits",
        names => names.iter().any(|name| name == area),
    };
    let mut missed = false;
    for (_, measure) in AREAS.iter().filter(|(area, _)| is_wanted(area)) {
        let lines = measure();
        lines.iter().for_each(Line::print);
        missed |= lines.iter().any(Line::is_missed);
        remember(&lines);
    }
    ExitCode::from(u8::from(missed))
}

/// Adds figures to the history that a review reads.
fn remember(lines: &[Line]) {
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit = commit.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    let commit = commit.unwrap_or_default();
    let date = jiff::Timestamp::now().strftime("%F");
    let one_in = one_in();
    let mut text = String::new();
    for Line { id, figure, unit, .. } in lines {
        let _ = writeln!(text, "{date},{commit},{one_in},{id},{figure:.3},{unit}");
    }
    let path = Path::new(CHECKOUT).join(HISTORY);
    let file = OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the history can be written");
}

/// Of an odd number of figures the one in the middle, else one beside it.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Figures of bytes and counts are far below 2^52.
#[expect(clippy::cast_precision_loss)]
fn float(count: usize) -> f64 {
    count as f64
}
