//! The error of the ports: what went wrong, what can be done about it, and why it came to that.
//!
//! One type for all ports and adapters. Who calls a port cannot match on what one adapter alone can
//! meet; it asks for the [`ErrorKind`]. What a person should do is known where the fault is, so the
//! adapter writes the hint.

use std::{error::Error, fmt, sync::Arc};

use crate::error_kind::ErrorKind;

/// An error of a port.
#[derive(Clone, Debug)]
pub struct PortError {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    offset: Option<usize>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error of this kind. The message says what failed and on what; not why, which is the source,
    /// nor what to do, which is the hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, offset: None, source: None }
    }

    /// Says what a person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says at which byte of the text that was given, as far as that is known.
    #[must_use]
    pub fn at(mut self, offset: Option<usize>) -> Self {
        self.offset = offset;
        self
    }

    /// Says why.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// At which byte of the text that was given, if the adapter knows.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// The hint of the first error of a port among an error and its causes that has one.
    pub fn hint_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
        let chain = std::iter::successors(Some(error), |error| (**error).source());
        chain.filter_map(|error| error.downcast_ref::<Self>()).find_map(Self::hint)
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    enum OfACaller {
        #[error("the pipeline stands")]
        Port(#[from] PortError),
    }

    #[test]
    fn the_hint_and_the_cause_are_found_through_whoever_passes_the_error_on() {
        let cause = std::io::Error::other("the cable is out");
        let error = PortError::new(ErrorKind::FixInput, "cannot reach the store")
            .with_source(cause)
            .with_hint("put it in again");
        let passed_on = OfACaller::from(error.clone());
        assert_eq!(PortError::hint_in(&passed_on), Some("put it in again"));
        assert_eq!(error.to_string(), "cannot reach the store");
        assert_eq!(error.source().unwrap().to_string(), "the cable is out");
        assert_eq!(PortError::hint_in(&std::io::Error::other("else")), None);
    }
}
