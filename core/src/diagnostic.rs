//! An error in a file that a person wrote: the file, the place, and what to write instead.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// Points at a span of a file. `main` prints it with the lines around.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FileError(Box<Details>);

#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{message}")]
struct Details {
    message: String,
    #[source_code]
    source_code: NamedSource<Arc<str>>,
    #[label("{label}")]
    span: SourceSpan,
    label: String,
    #[help]
    help: Option<String>,
}

impl FileError {
    /// `span` is in bytes of `text`, the whole file.
    pub fn new(
        path: &Path,
        text: &Arc<str>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let start = span.start.min(text.len());
        let end = span.end.clamp(start, text.len());
        Self(Box::new(Details {
            message: message.into(),
            source_code: NamedSource::new(path.display().to_string(), text.clone()),
            span: (start..end).into(),
            label: "here".to_owned(),
            help: None,
        }))
    }

    /// Says what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The file, as the user knows it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.0.source_code.name())
    }

    /// The whole file.
    pub fn text(&self) -> Arc<str> {
        self.0.source_code.inner().clone()
    }

    /// Where it is, in bytes of the file.
    pub fn span(&self) -> Range<usize> {
        let start = self.0.span.offset();
        start..start + self.0.span.len()
    }

    /// What to write instead.
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Says what is at the span; `here` when nothing better is known.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }
}

impl Diagnostic for FileError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Diagnostic::help(self.0.as_ref())
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Diagnostic::source_code(self.0.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Diagnostic::labels(self.0.as_ref())
    }
}
