//! Tests of the whole: the real planner, SQL and binary. One binary, so that all is linked once.

mod any_events;
mod bad_week;
mod check;
mod cli;
mod crash;
mod documents;
#[cfg(feature = "google")]
mod emulators;
mod engine;
mod errors;
mod explain;
mod facts;
mod goldens;
mod harness;
mod ingest;
mod init;
mod joins;
mod kills;
mod late_file;
mod ledger;
mod properties;
mod reading;
mod reading_changes_nothing;
mod recipes;
mod rejected;
mod script;
mod sim;
mod strict;
mod targets;
mod tidy;
mod verify;
