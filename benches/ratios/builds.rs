//! Whole days through the pipeline.

use std::{env, fmt::Write as _, fs, path::Path, process::Command};

use crate::{
    DUCKDB, Line, Target, median, number,
    world::{Took, World, copy_folder, one_in, run},
};

/// Lines of a `run --json`.
fn of_run(took: &Took, ids: [&'static str; 3], peak: Target) -> Vec<Line> {
    let said = took.json();
    let messages = number(&said["message_count"]);
    let wrong = said["wrong_checks"].as_array().map(Vec::len);
    assert_eq!(wrong, Some(0), "the tables are not what the simulator knows");
    let checks = &said["check_count"];
    let [ingest, build, memory] = ids;
    vec![
        Line {
            id: ingest,
            figure: messages / number(&said["ingest_ms"]),
            unit: "messages/ms",
            target: Target::AtLeast(300.0),
            note: format!("{messages} messages, truth included"),
        },
        Line {
            id: build,
            figure: messages / number(&said["build_ms"]),
            unit: "messages/ms",
            target: Target::None,
            note: format!("all tables, {checks} of {checks} numbers right"),
        },
        Line {
            id: memory,
            figure: took.peak_mib / 1024.0,
            unit: "GiB at most",
            target: peak,
            note: format!("{:.0} s in all", took.seconds),
        },
    ]
}

pub fn day() -> Vec<Line> {
    let world = World::new(one_in(), 1);
    of_run(&world.run(""), ["day/ingest", "day/build", "day/memory"], Target::None)
}

pub fn limits() -> Vec<Line> {
    let world = World::new(one_in() / 10, 1);
    let took = world.run("--memory-limit 2GB");
    of_run(&took, ["limits/ingest", "limits/build", "limits/memory"], Target::AtMost(3.0))
}

/// Runs scripts in a database, as DuckDB's shell would.
pub fn duckdb_alone(database: &Path, scripts: &[String]) {
    let connection = duckdb::Connection::open(database).expect("a database");
    for script in scripts {
        let text = fs::read_to_string(script).expect("a script");
        connection.execute_batch(&text).unwrap_or_else(|error| panic!("{script}: {error}"));
    }
    connection.close().map_err(|(_, error)| error).expect("it closes");
}

pub fn script() -> Vec<Line> {
    let world = World::new(one_in(), 1);
    let _ = world.run("");
    world.forget_tables("data");
    let emitted = world.path("script");
    let emit = format!("build --emit-script {}", emitted.display());
    let _ = world.lakebed(&emit, "data");
    let this = env::current_exe().expect("this program has a path");
    let mut pairs = Vec::new();
    let mut note = String::new();
    for _ in 0..5 {
        world.forget_tables("data");
        let build = world.lakebed("build --json", "data").seconds;
        let mut command = Command::new(&this);
        command.arg(DUCKDB).arg(world.path("alone.duckdb"));
        command.args(["setup.sql", "build.sql"].map(|file| emitted.join(file)));
        let alone = run(&mut command).seconds;
        fs::remove_file(world.path("alone.duckdb")).expect("it was built");
        let _ = write!(note, "{build:.1}/{alone:.1} ");
        pairs.push(build / alone);
    }
    vec![Line {
        id: "script/build",
        figure: median(pairs),
        unit: "times the script",
        target: Target::AtMost(1.10),
        note: format!("seconds, in turn: {note}"),
    }]
}

pub fn powers() -> Vec<Line> {
    let mut seconds = Vec::new();
    for times in [4, 2, 1] {
        let world = World::new(one_in() * times, 1);
        let said = world.run("").json();
        let tables = said["build"].as_object().expect("tables").clone();
        let tables = tables.into_iter().map(|(name, table)| (name, number(&table["duration_ms"])));
        seconds.push(tables.collect::<std::collections::BTreeMap<_, _>>());
    }
    let [small, middle, large] = seconds.as_slice() else { unreachable!("three volumes") };
    // What takes less than a quarter of a second is the overhead of statements.
    let heavy = large.iter().filter(|(_, millis)| **millis > 250.0);
    let power = |(name, large): (&String, &f64)| {
        ((large / middle[name]).log2(), (large / small[name]).log2() / 2.0, name.clone())
    };
    let mut powers: Vec<_> = heavy.map(power).collect();
    powers.sort_by(|left, right| right.1.total_cmp(&left.1));
    let mut note = String::new();
    for (_, power, name) in powers.iter().take(5) {
        let _ = write!(note, "{name} {power:.2}, ");
    }
    let figure = powers.first().map_or(0.0, |(_, power, _)| *power);
    let note = note.trim_end_matches(", ").to_owned();
    vec![Line {
        id: "powers/steepest",
        figure,
        unit: "power of volume",
        target: Target::AtMost(1.1),
        note,
    }]
}

/// Copies the raw objects of the first so many load dates.
fn copy_dates(world: &World, data: &str, days: usize) {
    let raw = world.path("data").join("raw");
    for source in fs::read_dir(&raw).expect("a raw layer") {
        let source = source.expect("an entry").path();
        if !source.is_dir() {
            continue;
        }
        let mut dates: Vec<_> = fs::read_dir(&source)
            .expect("dates")
            .map(|date| date.expect("an entry").path())
            .collect();
        dates.sort();
        for date in dates.iter().take(days) {
            let to = world.path(data).join("raw").join(source.file_name().expect("a name"));
            let to = to.join(date.file_name().expect("a name"));
            if !to.exists() {
                copy_folder(date, &to);
            }
        }
    }
}

/// What one build took, and how much of it was not within statements.
fn timed_build(world: &World, data: &str) -> (f64, f64) {
    let took = world.lakebed("build --json", data);
    let said = took.json();
    let statements = said.as_object().expect("tables").values().flat_map(|table| {
        table["statements"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|ran| number(&ran["cost"]["duration_ms"]))
    });
    let within = statements.sum::<f64>() / 1e3;
    (took.seconds, took.seconds - within)
}

pub fn history() -> Vec<Line> {
    let world = World::new(one_in() * 40, 365);
    world.bring_in();
    let mut lines = Vec::new();
    let mut first = 0.0;
    for (id, days) in [("history/day_31", 30), ("history/day_60", 59), ("history/day_365", 364)] {
        copy_dates(&world, "some", days);
        let _ = world.lakebed("build", "some");
        copy_dates(&world, "some", days + 1);
        let (seconds, beside) = timed_build(&world, "some");
        if first == 0.0 {
            first = seconds;
        }
        lines.push(Line {
            id,
            figure: seconds,
            unit: "s",
            target: Target::AtMost(3.0),
            note: format!("{:.2} times day 31; {beside:.2} s beside statements", seconds / first),
        });
        if days == 59 {
            let plans = (0..11).map(|_| world.lakebed("plan", "some").seconds);
            lines.push(Line {
                id: "history/plan",
                figure: median(plans.collect()),
                unit: "s",
                target: Target::AtMost(0.15),
                note: "nothing to do, 60 days, the process and all".to_owned(),
            });
            let table = "mart.app_quality";
            let day = format!("build {table} --full --from 2026-02-01 --to 2026-02-01 --json");
            let beside = (0..5).map(|_| {
                let took = world.lakebed(&day, "some");
                let statements = took.json()[table]["statements"].clone();
                let durations = statements.as_array().expect("it was built").iter();
                took.seconds
                    - durations.map(|ran| number(&ran["cost"]["duration_ms"])).sum::<f64>() / 1e3
            });
            lines.push(Line {
                id: "history/one_partition",
                figure: median(beside.collect()),
                unit: "s",
                target: Target::AtMost(0.3),
                note: format!("a day of {table}, beside its statements"),
            });
        }
    }
    lines
}
