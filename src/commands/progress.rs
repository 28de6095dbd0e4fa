//! Progress on a terminal, nothing in a pipe.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;

use crate::{builder::BuildEvent, verify};

/// One line that moves; hidden when stderr is no terminal.
pub struct Progress {
    bar: ProgressBar,
    running: Mutex<Vec<String>>,
}

impl Progress {
    /// A line for `total` steps.
    pub fn new(total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let style = ProgressStyle::with_template("{bar:28} {pos}/{len} {msg}")
            .expect("the template is well-formed");
        bar.set_style(style);
        Self { bar, running: Mutex::new(Vec::new()) }
    }

    /// A simulated day is in.
    pub fn day(&self, date: Date, message_count: u64) {
        self.bar.inc(1);
        self.bar.set_message(format!("{date} is in, {message_count} messages so far"));
    }

    /// So many messages of a file are in, of so many.
    pub fn messages(&self, file: &str, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(format!("messages of {file} are in"));
    }

    /// Something happened in a build.
    pub fn build_event(&self, event: &BuildEvent<'_>) {
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            BuildEvent::Started { table, partition_count } => {
                running.push(format!("{table} ({partition_count} partitions)"));
            }
            BuildEvent::Retried { table, reason } => {
                self.bar.println(format!("trying {table} again: {reason}"));
            }
            BuildEvent::Committed { .. } => return,
            BuildEvent::Finished { table } => {
                running.retain(|line| !line.starts_with(&format!("{table} ")));
                self.bar.inc(1);
            }
        }
        self.bar.set_message(running.join(", "));
    }

    /// Something happened in a verification.
    pub fn verify_event(&self, event: verify::Event) {
        match event {
            verify::Event::Tried(property) => {
                self.bar.inc(1);
                self.bar.set_message(format!("cases, {property} held last"));
            }
            verify::Event::Shrinking(property) => {
                self.bar.set_message(format!("{property} failed; looking for the fewest messages"));
            }
        }
    }

    /// Removes the line.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
