//! Kills the real binary at any moment of a run (SIGKILL: gateway, bus, archiver and builder die as
//! with the power), runs it again to its end, and compares the tables with an undisturbed run.
//!
//! `LAKEBED_KILLS` says how many runs are killed; `just soak-kills` kills three hundred.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    crash::finish,
    harness::{BINARY, Ended, World},
};

const SIGKILL: i32 = 9;
const DEFAULT_KILL_COUNT: u32 = 16;

/// Moments are spread over the time that a run takes, each at random within its share of it.
#[test]
fn killed_at_any_moment_of_a_run() {
    let kill_count = env::var("LAKEBED_KILLS").map_or(DEFAULT_KILL_COUNT, |count| {
        count.parse().unwrap_or_else(|_| panic!("LAKEBED_KILLS must be a number, and is `{count}`"))
    });
    let mut whole = undisturbed();
    let (mut killed_count, mut second_count, mut over_count) = (0, 0, 0);
    while killed_count < kill_count {
        let world = World::new();
        let share = (f64::from(killed_count) + chance()) / f64::from(kill_count);
        let delay = whole.mul_f64(share);
        if !kill(start(&world), delay) {
            over_count += 1;
            assert!(over_count <= 10 + kill_count, "runs are over before they are killed");
            // The machine is faster than it was.
            whole = delay;
            continue;
        }
        killed_count += 1;
        let again = whole.mul_f64(chance());
        let is_twice = chance() < 0.3 && kill(start(&world), again);
        second_count += u32::from(is_twice);
        finish(&world, "run tiny", &format!("SIGKILL after {delay:?}, twice: {is_twice}"));
    }
    eprintln!(
        "{killed_count} runs killed, {second_count} of them twice, {killed_count} equal results; \
         {over_count} were over before"
    );
}

/// What exists when the signal is sent: the moment is then somewhere in that part of the run.
const MOMENTS: [&str; 4] = ["bus.redb", "cursors", "raw", "warehouse.duckdb"];

#[test]
fn killed_soon_after_a_part_of_a_run_began() {
    for name in MOMENTS {
        let world = World::new();
        let was_killed = kill_after(&world, name, Duration::from_millis(250).mul_f64(chance()));
        assert!(was_killed, "the run was over before the signal after {name}");
        // Once more, if the rest takes long enough to be killed.
        kill_after(&world, name, Duration::from_millis(250).mul_f64(chance()));
        finish(&world, "run tiny", &format!("SIGKILL after {name} was there"));
    }
}

fn start(world: &World) -> Child {
    Command::new(BINARY)
        .args(["run", "tiny", "--data"])
        .arg(world.data())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// How long a run takes that nobody kills.
fn undisturbed() -> Duration {
    let world = World::new();
    let started = Instant::now();
    assert!(start(&world).wait_with_output().expect("a child").status.success());
    started.elapsed()
}

/// Kills a run `delay` after `name` is in the data folder, or changed there.
#[track_caller]
fn kill_after(world: &World, name: &str, delay: Duration) -> bool {
    let watched = world.data().join(name);
    let before = modified(&watched);
    let mut child = start(world);
    while modified(&watched) == before && child.try_wait().expect("a child").is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    kill(child, delay)
}

/// Kills a run after `delay`. Says whether it died of that; a run that was over has succeeded.
#[track_caller]
fn kill(mut child: Child, delay: Duration) -> bool {
    thread::sleep(delay);
    child.kill().expect("a child");
    let output = child.wait_with_output().expect("a child");
    let ended = Ended::new(&output, format!("SIGKILL after {delay:?}"), String::new());
    if output.status.success() {
        return false;
    }
    let _ = ended.killed_by(SIGKILL);
    true
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// A number from 0 to 1, another each time: the moment of a kill is not repeatable anyhow.
fn chance() -> f64 {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.subsec_nanos());
    f64::from(nanos / 97 % 10_000) / 10_000.0
}
