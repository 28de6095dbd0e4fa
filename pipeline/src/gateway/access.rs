//! Who may send: named tokens, each with its sources and its rate, from a file that may change while
//! the gateway runs.
//!
//! A token is compared by its hash, in constant time, with every known one; neither it nor its hash is
//! ever shown. Not for: what is wrong with a batch (`protocol`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use lakebed_core::contract::file::toml_error;
use serde::Deserialize;
use tokio::time::Instant;

use crate::diagnostic::FileError;

/// What a token's holder may do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The token's name, which is no secret.
    pub name: Arc<str>,
    /// The sources that it may send; `None`: all.
    pub sources: Option<BTreeSet<String>>,
    /// Messages a second, over all its connections; a second's worth may come at once.
    pub messages_per_second: Option<u32>,
    /// Connections at one time.
    pub connections_max: Option<u32>,
    secret: Secret,
}

impl Grant {
    /// Whether it may send the source.
    pub fn allows(&self, source: &str) -> bool {
        self.sources.as_ref().is_none_or(|sources| sources.contains(source))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    token: BTreeMap<String, TokenText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenText {
    secret: Secret,
    sources: Option<BTreeSet<String>>,
    messages_per_second: Option<u32>,
    connections_max: Option<u32>,
}

/// Long enough that nobody guesses it.
const SECRET_LENGTH_MIN: usize = 16;

/// A secret's hash; comparing two of them takes the same time wherever they first differ.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Secret(blake3::Hash);

impl Secret {
    fn of(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() < SECRET_LENGTH_MIN {
            return Err(serde::de::Error::custom(format!(
                "a secret has at least {SECRET_LENGTH_MIN} characters: `openssl rand -hex 32` makes one"
            )));
        }
        Ok(Self::of(&text))
    }
}

/// All tokens, and what was used of them.
#[derive(Debug, Default)]
pub struct Access {
    tokens: RwLock<Vec<Arc<Grant>>>,
    used: Mutex<HashMap<Arc<str>, Used>>,
}

/// What a token's holders have used.
#[derive(Debug)]
struct Used {
    connection_count: u32,
    /// Messages that may come at once; below zero after a batch that was let in whole.
    messages_left: f64,
    counted_at: Instant,
}

impl Access {
    /// One token that may do everything.
    pub fn one(token: &str) -> Arc<Self> {
        let grant = Grant {
            name: "default".into(),
            sources: None,
            messages_per_second: None,
            connections_max: None,
            secret: Secret::of(token),
        };
        let access = Self::default();
        access.replace(vec![Arc::new(grant)]);
        Arc::new(access)
    }

    /// Reads a file of tokens: each a table `[token.NAME]` with its `secret`.
    pub fn parse(path: &Path, text: &str) -> Result<Arc<Self>, FileError> {
        let access = Self::default();
        access.reload(path, text)?;
        Ok(Arc::new(access))
    }

    /// Takes the tokens of the file in place of those that there were; if it is wrong, those stay.
    pub fn reload(&self, path: &Path, text: &str) -> Result<(), FileError> {
        let file: FileText = toml::from_str(text).map_err(|error| {
            // The lines around the mistake may be secrets, so the text is not shown.
            let hidden: String = text.chars().map(|c| if c == '\n' { c } else { '·' }).collect();
            toml_error(path, &hidden.into(), 0, &error)
        })?;
        let grant = |(name, token): (String, TokenText)| {
            let TokenText { secret, sources, messages_per_second, connections_max } = token;
            let name = name.into();
            Arc::new(Grant { name, sources, messages_per_second, connections_max, secret })
        };
        self.replace(file.token.into_iter().map(grant).collect());
        Ok(())
    }

    fn replace(&self, tokens: Vec<Arc<Grant>>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// What a token's holder may do; `None` for a token that is not known.
    pub fn grant(&self, token: &str) -> Option<Arc<Grant>> {
        self.known(Secret::of(token))
    }

    /// What the holder of that grant's token may do now; `None` once the token was revoked.
    pub fn renewed(&self, grant: &Grant) -> Option<Arc<Grant>> {
        self.known(grant.secret)
    }

    fn known(&self, shown: Secret) -> Option<Arc<Grant>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        // All are looked at, so that the time says nothing of which one it is.
        let matching = |found, grant: &Arc<Grant>| {
            if grant.secret == shown { Some(Arc::clone(grant)) } else { found }
        };
        tokens.iter().fold(None, matching)
    }

    /// Takes a connection of the token's; `None` if it has as many as it may.
    pub fn connect(self: &Arc<Self>, grant: &Grant) -> Option<Connected> {
        self.use_of(grant, |used| {
            let is_free = grant.connections_max.is_none_or(|max| used.connection_count < max);
            used.connection_count += u32::from(is_free);
            is_free.then(|| Connected { access: Arc::clone(self), name: Arc::clone(&grant.name) })
        })
    }

    /// Whether so many messages may come now. A batch is let in whole, if any of it may come.
    pub fn admit(&self, grant: &Grant, message_count: usize) -> bool {
        let Some(rate) = grant.messages_per_second.map(f64::from) else { return true };
        self.use_of(grant, |used| {
            let now = Instant::now();
            let gained = now.duration_since(used.counted_at).as_secs_f64() * rate;
            used.counted_at = now;
            used.messages_left = (used.messages_left + gained).min(rate);
            let is_admitted = used.messages_left > 0.0;
            if is_admitted {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a batch is far below 2^52 messages"
                )]
                let count = message_count as f64;
                used.messages_left -= count;
            }
            is_admitted
        })
    }

    fn use_of<T>(&self, grant: &Grant, change: impl FnOnce(&mut Used) -> T) -> T {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        change(used.entry(Arc::clone(&grant.name)).or_insert_with(|| Used {
            connection_count: 0,
            messages_left: grant.messages_per_second.map_or(0.0, f64::from),
            counted_at: Instant::now(),
        }))
    }
}

/// A connection of a token's, until it is dropped.
#[derive(Debug)]
pub struct Connected {
    access: Arc<Access>,
    name: Arc<str>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut used = self.access.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = used.get_mut(&self.name) {
            used.connection_count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FILE: &str = r#"
[token.phones]
secret = "0123456789abcdef"
sources = ["mobile_events"]
messages_per_second = 10
connections_max = 1
[token.backend]
secret = "fedcba9876543210"
"#;

    #[tokio::test(start_paused = true)]
    async fn a_token_may_do_what_its_file_says_and_no_more() {
        let access = Access::parse(Path::new("tokens.toml"), FILE).unwrap();
        assert!(access.grant("0123456789abcdeF").is_none());
        let backend = access.grant("fedcba9876543210").unwrap();
        assert!(backend.allows("anything") && access.admit(&backend, 1_000_000));
        let phones = access.grant("0123456789abcdef").unwrap();
        assert!(phones.allows("mobile_events") && !phones.allows("db_users"));
        let connected = access.connect(&phones).unwrap();
        assert!(access.connect(&phones).is_none());
        drop(connected);
        assert!(access.connect(&phones).is_some());

        assert!(access.admit(&phones, 25));
        assert!(!access.admit(&phones, 1), "a second's worth is used, and more");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(access.admit(&phones, 1), "15 are paid back by then");
    }

    #[test]
    fn a_wrong_file_changes_nothing_and_its_error_shows_no_secret() {
        let access = Access::parse(Path::new("tokens.toml"), FILE).unwrap();
        let wrong = FILE.replace("sources", "source");
        let error = access.reload(Path::new("tokens.toml"), &wrong).unwrap_err();
        assert!(error.to_string().contains("unknown field `source`"), "{error}");
        let shown = format!("{error:?} {:?} {access:?}", error.text());
        assert!(!shown.contains("0123456789abcdef") && !shown.contains("fedcba"), "{shown}");
        assert!(access.grant("0123456789abcdef").is_some());
        let short = "[token.a]\nsecret = \"short\"\n";
        let error = access.reload(Path::new("tokens.toml"), short).unwrap_err();
        assert!(error.to_string().contains("openssl rand"), "{error}");
        access
            .reload(Path::new("tokens.toml"), "[token.new]\nsecret=\"0123456789abcdef\"")
            .unwrap();
        assert!(access.grant("fedcba9876543210").is_none(), "it was revoked");
        assert_eq!(&*access.grant("0123456789abcdef").unwrap().name, "new");
    }
}
