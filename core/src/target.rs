//! Targets, `lakebed.toml`: which bus, raw store and warehouse a project runs on.
//!
//! The target `local` is always there and needs no file. Credentials are never in the file: a cloud's
//! own tools have them. Not for: what is reachable, nor how (`commands`).

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{contract::file::toml_error, diagnostic::FileError, suggest::similar};

/// The file, beside `layers/`.
pub const FILE: &str = "lakebed.toml";
/// The target that needs no file.
pub const LOCAL: &str = "local";
/// What the names of topics and subscriptions begin with if nothing else is said. Pub/Sub wants three
/// characters at least, and other systems may share the project.
pub const PREFIX: &str = "lakebed.";

/// Where messages go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    /// In the data folder.
    #[default]
    Embedded,
    /// Google Cloud Pub/Sub, or its emulator.
    Pubsub,
}

/// Where raw objects are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawStoreKind {
    /// In the data folder.
    #[default]
    Folder,
    /// Google Cloud Storage, or an emulator of it.
    CloudStorage,
}

/// Where tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarehouseKind {
    /// In the data folder.
    #[default]
    Duckdb,
}

/// Where a service answers, if not at its usual address: emulators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// Of Pub/Sub, such as `http://127.0.0.1:8085`.
    pub pubsub: Option<String>,
    /// Of Cloud Storage, such as `http://127.0.0.1:4443`.
    pub storage: Option<String>,
}

/// What a project runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// As `--target` names it.
    pub name: String,
    /// Where messages go through.
    pub bus: BusKind,
    /// Where raw objects are.
    pub raw_store: RawStoreKind,
    /// Where tables are.
    pub warehouse: WarehouseKind,
    /// The project of the cloud; there whenever the bus or the raw store is the cloud's.
    pub project: Option<String>,
    /// The bucket; there whenever the raw store is Cloud Storage.
    pub bucket: Option<String>,
    /// What the names of topics and subscriptions begin with.
    pub prefix: String,
    /// Where services answer instead.
    pub endpoints: Endpoints,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    target: BTreeMap<Spanned<String>, TargetText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetText {
    #[serde(default)]
    bus: BusKind,
    #[serde(default)]
    raw_store: RawStoreKind,
    #[serde(default)]
    warehouse: WarehouseKind,
    project: Option<Spanned<String>>,
    bucket: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    #[serde(default)]
    endpoints: EndpointsText,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointsText {
    pubsub: Option<Spanned<String>>,
    storage: Option<Spanned<String>>,
}

/// What is wrong, where, and what to write instead.
type Wrong = (Range<usize>, String, &'static str);

impl Target {
    /// The target that needs no file.
    pub fn local() -> Self {
        Self {
            name: LOCAL.to_owned(),
            bus: BusKind::default(),
            raw_store: RawStoreKind::default(),
            warehouse: WarehouseKind::default(),
            project: None,
            bucket: None,
            prefix: PREFIX.to_owned(),
            endpoints: Endpoints::default(),
        }
    }

    fn read(name: &Spanned<String>, text: TargetText) -> Result<Self, Wrong> {
        let at = name.span();
        let name = name.get_ref();
        if name == LOCAL {
            let hint = "give it another name: `local` is the data folder";
            return Err((
                at,
                format!("the target `{LOCAL}` needs no file and cannot be changed"),
                hint,
            ));
        }
        let is_pubsub = text.bus == BusKind::Pubsub;
        let is_storage = text.raw_store == RawStoreKind::CloudStorage;
        let target = Self {
            name: name.clone(),
            bus: text.bus,
            raw_store: text.raw_store,
            warehouse: text.warehouse,
            project: value(text.project, &at, "project", is_pubsub || is_storage, wrong_project)?,
            bucket: value(text.bucket, &at, "bucket", is_storage, wrong_bucket)?,
            prefix: match text.prefix {
                Some(prefix) => value(Some(prefix), &at, "prefix", is_pubsub, wrong_prefix)?,
                None => None,
            }
            .unwrap_or_else(|| PREFIX.to_owned()),
            endpoints: Endpoints {
                pubsub: endpoint(text.endpoints.pubsub, &at, "endpoints.pubsub", is_pubsub)?,
                storage: endpoint(text.endpoints.storage, &at, "endpoints.storage", is_storage)?,
            },
        };
        Ok(target)
    }
}

/// Reads the file's targets, by name; `local` is not among them.
pub fn parse(path: &Path, text: &Arc<str>) -> Result<BTreeMap<String, Target>, FileError> {
    let file: FileText = toml::from_str(text).map_err(|error| {
        let located = toml_error(path, text, 0, &error);
        match meant(error.message()) {
            Some(help) => located.with_help(help),
            None => located,
        }
    })?;
    let read = |(name, target): (Spanned<String>, TargetText)| {
        let target = Target::read(&name, target).map_err(|(span, message, help)| {
            FileError::new(path, text, span, message).with_help(help)
        })?;
        Ok((name.into_inner(), target))
    };
    file.target.into_iter().map(read).collect()
}

/// The known key that a misspelt one is nearest to: the parser lists all of them.
fn meant(message: &str) -> Option<String> {
    let (wrong, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    similar(wrong, &known).map(|meant| format!("did you mean `{meant}`?"))
}

/// A value that must be there if and only if something of the target uses it.
fn value(
    value: Option<Spanned<String>>,
    target: &Range<usize>,
    key: &str,
    is_used: bool,
    problem: fn(&str) -> Option<&'static str>,
) -> Result<Option<String>, Wrong> {
    match value {
        None if is_used => {
            let hint = "add it: Pub/Sub needs `project`, Cloud Storage `project` and `bucket`";
            Err((target.clone(), format!("the target has no `{key}`"), hint))
        }
        None => Ok(None),
        Some(value) if !is_used => {
            let hint = "leave it out, or say `bus = \"pubsub\"` or `raw_store = \"cloud-storage\"`";
            Err((value.span(), format!("nothing of this target uses `{key}`"), hint))
        }
        Some(value) => match problem(value.get_ref()) {
            Some(hint) => {
                Err((value.span(), format!("{:?} cannot be a {key}", value.get_ref()), hint))
            }
            None => Ok(Some(value.into_inner())),
        },
    }
}

fn endpoint(
    text: Option<Spanned<String>>,
    target: &Range<usize>,
    key: &str,
    is_used: bool,
) -> Result<Option<String>, Wrong> {
    let Some(text) = text else { return Ok(None) };
    let wrong_address = |text: &str| {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let is_host = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
        (!rest.is_some_and(is_host)).then_some("write `http://HOST:PORT`, without a path")
    };
    value(Some(text), target, key, is_used, wrong_address)
}

/// Why it cannot be a project.
fn wrong_project(text: &str) -> Option<&'static str> {
    let is_character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_right = (6..=30).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(is_character);
    (!is_right)
        .then_some("a project's id has 6 to 30 lower-case letters, digits and `-`, a letter first")
}

/// Why it cannot be a bucket.
fn wrong_bucket(text: &str) -> Option<&'static str> {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_right = (3..=63).contains(&text.len())
        && text.starts_with(is_end)
        && text.ends_with(is_end)
        && text.chars().all(|c| is_end(c) || matches!(c, '-' | '_' | '.'));
    (!is_right).then_some(
        "a bucket's name has 3 to 63 lower-case letters, digits, `-`, `_` and `.`; write no `gs://`",
    )
}

/// Why it cannot be a prefix.
fn wrong_prefix(text: &str) -> Option<&'static str> {
    let is_right = (3..=60).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.starts_with("goog")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~+".contains(c));
    (!is_right).then_some(
        "a prefix has 3 to 60 letters, digits and `-_.~+`, a letter first, and not `goog`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, Target>, FileError> {
        parse(Path::new(FILE), &Arc::from(text))
    }

    const GOOD: &str = r#"
[target.emulators]
bus       = "pubsub"
raw_store = "cloud-storage"
project   = "my-project"
bucket    = "my-raw"
endpoints = { pubsub = "http://127.0.0.1:8085", storage = "http://127.0.0.1:4443" }

[target.folder]
"#;

    #[test]
    fn what_is_not_said_is_local() {
        let targets = read(GOOD).unwrap();
        let emulators = &targets["emulators"];
        assert_eq!(emulators.bus, BusKind::Pubsub);
        assert_eq!(emulators.bucket.as_deref(), Some("my-raw"));
        assert_eq!(emulators.prefix, PREFIX);
        assert_eq!(emulators.endpoints.storage.as_deref(), Some("http://127.0.0.1:4443"));
        let folder = &targets["folder"];
        assert_eq!(Target { name: LOCAL.to_owned(), ..folder.clone() }, Target::local());
    }

    /// The line of the mistake, and words of the message and the help.
    #[test]
    fn a_mistake_is_shown_at_its_line_with_what_to_write() {
        for (old, new, line, said) in [
            ("bus       =", "buss      =", 3, "did you mean `bus`?"),
            ("\"pubsub\"", "\"rabbit\"", 3, "unknown variant `rabbit`"),
            ("\"my-project\"", "\"My Project\"", 5, "lower-case letters"),
            ("project   = \"my-project\"\n", "", 2, "the target has no `project`"),
            ("\"my-raw\"", "\"gs://my-raw\"", 6, "write no `gs://`"),
            ("127.0.0.1:4443\"", "127.0.0.1:4443/upload\"", 7, "without a path"),
            ("bus       = \"pubsub\"\n", "prefix = \"a.b\"\n", 3, "nothing of this target uses"),
            ("bus       = \"pubsub\"", "prefix = \"goog\"\nbus=\"pubsub\"", 3, "and not `goog`"),
            ("target.folder", "target.local", 9, "cannot be changed"),
        ] {
            assert!(GOOD.contains(old), "{old}");
            let error = read(&GOOD.replace(old, new)).unwrap_err();
            let found = error.text()[..error.span().start].matches('\n').count() + 1;
            let text = format!("{error}; {}", error.advice().unwrap_or_default());
            assert!(text.contains(said), "{text}");
            assert_eq!(found, line, "{text}");
        }
    }
}
