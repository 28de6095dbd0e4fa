//! The command line of people's own data: `ingest`, `drift`, `init`, `sim`, `completions`.

use std::path::PathBuf;

use clap::Args;
use jiff::{Timestamp, civil::Date};

pub const INGEST_EXAMPLES: &str = "\
Examples:
  lakebed ingest mobile_events.ndjson
  lakebed ingest --source mobile_events --arrived 2026-01-06T12:00:00Z late.ndjson
  lakebed --project . ingest --backfill created_at history-*.ndjson.gz
  lakebed sim tiny --source db_users --format payload | lakebed ingest --source db_users -

A line is a message, whatever it holds: what cannot be read is rejected with a reason when the
tables are built. So is an element of a list in JSON, and an object over several lines. The same command
over the same file does nothing the second time, and after a kill it goes on where it was.";

pub const DRIFT_EXAMPLES: &str = "\
Examples:
  lakebed drift
  lakebed drift mobile_events --from 2026-01-06

A new field is no error: it is kept in the raw layer, and one line in the contract of its source
brings it in, also for the messages that came before.";

pub const INIT_EXAMPLES: &str = "\
Examples:
  lakebed init my-project
  lakebed init my-project --from events.ndjson
  lakebed init --from clicks.ndjson.gz --source page_views
  lakebed init --from changes.json --id xid,xoffset

Without --from it begins with a small file of made-up orders, to be replaced by your own.

What names an event is told by values first: no value may come twice with other content. Where that
leaves a doubt, it asks on a terminal, and elsewhere says what --id could be.";

pub const SIM_EXAMPLES: &str = "\
Examples:
  lakebed sim tiny | head -3
  lakebed sim tiny --source db_users --format payload > db_users.ndjson
  lakebed sim baseline --days 1 --to ws://127.0.0.1:7070/v1/events --token secret

A line has `source`, `arrived_at`, `sent_at`, `lane` and `payload`; a payload that is not UTF-8
stands as `payload_base64` instead. With `--format payload` a line is the payload alone, as
`lakebed ingest` takes it; those that hold a line break are left out and counted.

A day comes sender by sender, not by time: what has one source and lane is in order.";

pub const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  lakebed completions bash > ~/.local/share/bash-completion/completions/lakebed
  lakebed completions zsh > ~/.zfunc/_lakebed     # with `fpath+=~/.zfunc` before `compinit`
  lakebed completions fish > ~/.config/fish/completions/lakebed.fish
  lakebed completions powershell >> $PROFILE";

/// `lakebed ingest`
#[derive(Args, Debug)]
pub struct IngestArgs {
    /// Files with one message a line, or lists in JSON, perhaps compressed with gzip; `-` is stdin
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The source that they are messages of; told by each file's name if it begins with one
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// All of them arrive at this instant, which gives the load date; now, if this is left out
    #[arg(long, value_name = "INSTANT", conflicts_with = "backfill")]
    pub arrived: Option<Timestamp>,
    /// Each arrives at the time that it has in this field, such as `created_at` or `meta.at`; one
    /// whose time cannot be read arrives with the message before it
    #[arg(long, value_name = "FIELD")]
    pub backfill: Option<String>,
    /// Send files once more that are in already, as a phone may: their messages are duplicates
    #[arg(long)]
    pub again: bool,
}

/// `lakebed drift`
#[derive(Args, Debug)]
pub struct DriftArgs {
    /// Only these sources
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Only messages of load dates from this one on
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Only messages of load dates up to this one
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
}

/// `lakebed init`
#[derive(Args, Debug)]
pub struct InitArgs {
    /// The project's folder; made if it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Real events, one JSON object a line or a list of them: the contract is proposed from them
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The source's name, such as `orders`; told by the file's name if this is left out
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The field that names an event, such as `meta.id` or `"event.id"`, or several that do so
    /// together, such as `xid,xoffset`, if the proposal takes another
    #[arg(long, value_name = "FIELD")]
    pub id: Option<String>,
    /// The field that says when it happened
    #[arg(long, value_name = "FIELD")]
    pub time: Option<String>,
    /// The field that says of whom or what it is: the key of the hub
    #[arg(long, value_name = "FIELD")]
    pub hub: Option<String>,
}

/// How `lakebed sim` writes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SimFormat {
    /// An object with the payload and what goes with it
    Message,
    /// The payload alone, as `lakebed ingest` takes it
    Payload,
}

/// `lakebed sim`
#[derive(Args, Debug)]
pub struct SimArgs {
    /// The scenario: a name of `scenarios/`
    #[arg(default_value = "baseline")]
    pub scenario: String,
    /// Only so many of the scenario's days
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Only messages of this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// What a line is
    #[arg(long, value_enum, default_value = "message")]
    pub format: SimFormat,
    /// Write into this file instead of stdout
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub output: Option<PathBuf>,
    /// Send the messages to this gateway, such as `ws://127.0.0.1:7070/v1/events`; they arrive now
    #[arg(long, value_name = "URL", requires = "token")]
    pub to: Option<String>,
    /// What the gateway wants to be shown
    #[arg(long, env = "LAKEBED_GATEWAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// `lakebed completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
