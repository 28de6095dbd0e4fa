//! The command lines of what runs as a service, and of targets.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

pub const GATEWAY_EXAMPLES: &str = "Examples:\n  LAKEBED_GATEWAY_TOKEN=secret lakebed gateway --listen 127.0.0.1:7070\n  lakebed gateway --target prod --tokens tokens.toml --certificate chain.pem --key key.pem --log json\n  curl http://127.0.0.1:7070/metrics";
pub const ARCHIVE_EXAMPLES: &str = "Examples:\n  lakebed archive --target prod --log json\n  lakebed archive --target prod mobile_events --age 60 --memory 2048";
pub const TAIL_EXAMPLES: &str = "Examples:\n  lakebed tail --target prod\n  lakebed tail --target prod --source mobile_events --count 10";
pub const TARGET_EXAMPLES: &str =
    "Examples:\n  lakebed target check prod\n  lakebed target check emulators --create";

/// How a service logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Text,
    /// One JSON object a line
    Json,
}

/// `lakebed gateway`
#[derive(Args, Debug)]
pub struct GatewayArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// What clients must show in their hello: one token for everything
    #[arg(
        long,
        env = "LAKEBED_GATEWAY_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        required_unless_present = "tokens"
    )]
    pub token: Option<String>,
    /// A file of named tokens, each with its sources and rate; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// The certificate for TLS, PEM, with its chain; read again when it changes
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Connections at one time
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub connections: u32,
    /// How long the end waits for what is in flight
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub drain: u64,
    /// How to log; `LAKEBED_LOG` says what, such as `debug`
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,
}

/// `lakebed archive`
#[derive(Args, Debug)]
pub struct ArchiveArgs {
    /// The sources; all of the project without any
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// The greatest size of an object, in MiB of payload before it is compressed
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub object_size: usize,
    /// How long a message waits at most for its object to be full
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub age: u64,
    /// Payload that is held at one time, of all sources together, in MiB; twice that may be under way
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub memory: usize,
    /// How to log; `LAKEBED_LOG` says what, such as `debug`
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,
}

/// `lakebed tail`
#[derive(Args, Debug)]
pub struct TailArgs {
    /// Only this source
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// End after so many messages
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
}

/// `lakebed target`
#[derive(Args, Debug)]
pub struct TargetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TargetCommand,
}

/// What there is to do with targets.
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Say what of a target is reachable, what is missing, and what to do about it
    Check {
        /// The target: a name of `lakebed.toml`
        #[arg(value_name = "NAME")]
        name: String,
        /// Make the topics, subscriptions and the bucket that are missing
        #[arg(long)]
        create: bool,
    },
}
