//! A table's query with its parameters bound: the text that every engine gets, byte for byte.

use sha2::{Digest as _, Sha256};

use super::statements;
use crate::{
    contract::{BuildKind, Cut},
    graph::Node,
    plan::window::Window,
    sql::bind::{BindError, Literal, Parameters, bind},
};

/// The cut of a window without changes: after every change, before the end of what holds now
/// (9999-12-31, which is also more than an instant can be written as).
const NO_CHANGE_MICROS: i64 = 253_402_128_000_000_000; // 9999-12-30 00:00:00

/// What is sent.
#[derive(Clone, Debug)]
pub struct BoundSelect {
    /// The text.
    pub text: String,
    /// Its SHA-256 in hexadecimal, for the journal.
    pub sha256: String,
}

/// Binds the query of a table for a window; `cut` is for those that are built by history.
pub fn bound(
    node: &Node,
    window: Window,
    calendar: &Parameters,
    cut: Option<Literal>,
) -> Result<BoundSelect, BindError> {
    let text = bind(node.file.query(), &parameters(node, window, calendar, cut))?.text;
    let sha256 = sha256(&text);
    Ok(BoundSelect { text, sha256 })
}

/// SHA-256 of a text in hexadecimal.
pub fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text.as_bytes()))
}

/// The values that the query of a table takes for a window.
pub fn parameters(
    node: &Node,
    window: Window,
    calendar: &Parameters,
    cut: Option<Literal>,
) -> Parameters {
    let mut values = node.parameters.clone();
    values.extend(calendar.clone());
    if let Window::Dates { from, to } = window {
        values.insert("from_date".to_owned(), Literal::Date(from));
        values.insert("to_date".to_owned(), Literal::Date(to));
    }
    values.extend(cut.map(|cut| ("cut".to_owned(), cut)));
    values
}

/// Asks for `@cut` of a history for a window, in microseconds since 1970: the least effective time of
/// its changes, or a time after all of them if it has none. Other tables have no cut.
pub fn cut_query(node: &Node, window: Window) -> Option<String> {
    if node.build() != BuildKind::History {
        return None;
    }
    let predicate = statements::window_predicate(Some("load_date"), window);
    let of_each = |cut: &Cut| {
        format!(
            "select min(unix_micros({})) as micros from {} where {predicate}",
            cut.column, cut.table
        )
    };
    let all: Vec<String> = node.file.contract.cut.iter().map(of_each).collect();
    let all = all.join(" union all ");
    Some(format!("select ifnull(min(micros), {NO_CHANGE_MICROS}) from ({all})"))
}
