//! What the checker found: the rule, the place, and what to write instead.

use std::{ops::Range, path::PathBuf, sync::Arc};

use serde::Serialize;

use crate::rules::Rule;

/// One place that breaks a rule.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The file, as the user knows it.
    pub path: PathBuf,
    /// The whole file.
    pub text: Arc<str>,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
    /// What is there.
    pub message: String,
    /// What to write here; the rule's own advice where this says nothing better.
    pub help: Option<String>,
}

/// A place as editors count it: from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column in it.
    pub column: usize,
}

impl Finding {
    /// Where it begins.
    pub fn start(&self) -> Place {
        place(&self.text, self.span.start)
    }

    /// Where it ends: just after its last character.
    pub fn end(&self) -> Place {
        place(&self.text, self.span.end)
    }

    /// What to write instead.
    pub fn instead(&self) -> &str {
        self.help.as_deref().unwrap_or(self.rule.instead)
    }
}

fn place(text: &str, offset: usize) -> Place {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
