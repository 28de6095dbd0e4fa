//! An explanation for people: from the asked rows down, then whether the messages give the same.

use std::collections::BTreeSet;

use crate::{
    commands::{output::Page, summary::grouped},
    contract::TableName,
    explain::{
        Explanation, Extent, Located,
        chain::Link,
        recompute::Row,
        turned_away::{Kind, TurnedAway},
    },
    graph::Graph,
};

/// Columns of a sample; `--json` has all.
const COLUMNS_SHOWN: usize = 5;
/// Characters of a value.
const VALUE_SHOWN: usize = 60;

/// What is needed to draw.
struct Tree<'a> {
    graph: &'a Graph,
    explanation: &'a Explanation,
    located: &'a [Located],
    drawn: BTreeSet<&'a TableName>,
}

/// The page. `command` is the program with the options of its place.
pub fn render(
    graph: &Graph,
    explanation: &Explanation,
    located: &[Located],
    command: &str,
    limit: usize,
) -> Page {
    let mut page = Page::default();
    let shown = explanation.rows.len();
    let (picked, table) = (explanation.picked_count, &explanation.table);
    let rest = if i64::try_from(shown).is_ok_and(|shown| shown < picked) {
        format!(" of {}, the first by grain; --limit takes more", count(picked))
    } else {
        String::new()
    };
    page.line(format_args!("{table}: {}{rest}", counted(shown, "row")));
    for row in &explanation.rows {
        page.line(format_args!("  {}", values(&explanation.columns, row, usize::MAX)));
    }
    page.line(format_args!(""));
    let mut tree = Tree { graph, explanation, located, drawn: BTreeSet::new() };
    if let Some(link) = explanation.chain.link(&explanation.table) {
        tree.draw(&mut page, link, link.row_count, "", "");
    }
    turned_away(&mut page, &explanation.turned_away, limit);
    proof(&mut page, explanation, command);
    page.line(format_args!("Any query above goes into: {command} query \"…\""));
    page
}

impl<'a> Tree<'a> {
    fn draw(
        &mut self,
        page: &mut Page,
        link: &'a Link,
        row_count: i64,
        branch: &str,
        indent: &str,
    ) {
        let is_source = self.graph.sources().contains(&link.table);
        let what = counted(row_count, if is_source { "message" } else { "row" });
        if !self.drawn.insert(&link.table) {
            page.line(format_args!("{branch}{}: {what} (see above)", link.table));
            return;
        }
        let of = if row_count < link.row_count {
            format!(", {} in the whole chain", count(link.row_count))
        } else {
            String::new()
        };
        page.line(format_args!("{branch}{}: {what}{of}", link.table));
        let located = self.located.iter().find(|located| located.table == link.table);
        let children: Vec<(&'a Link, i64)> = link
            .from
            .iter()
            .filter(|(table, _)| self.located.iter().any(|located| located.table == *table))
            .filter_map(|(table, count)| Some((self.explanation.chain.link(table)?, *count)))
            .collect();
        let bar = if children.is_empty() { "    " } else { "│   " };
        if let Some(located) = located {
            self.rows(page, link, located, &format!("{indent}{bar}"));
        }
        for (at, (child, count)) in children.iter().enumerate() {
            let (corner, below) = if at + 1 == children.len() {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            let (branch, indent) = (format!("{indent}{corner}"), format!("{indent}{below}"));
            self.draw(page, child, *count, &branch, &indent);
        }
    }

    fn rows(&self, page: &mut Page, link: &Link, located: &Located, indent: &str) {
        let Located { table, condition, met_count, .. } = located;
        page.line(format_args!("{indent}select * from {table} where {condition}"));
        if *met_count > link.row_count {
            page.line(format_args!(
                "{indent}  (it gives {} rows, {} of them are meant)",
                count(*met_count),
                count(link.row_count)
            ));
        }
        if let Some(why) = &link.unfollowed {
            page.line(format_args!(
                "{indent}  its rows could not be followed, so all in reach stand below: {why}"
            ));
        }
        if link.lost_count > 0 {
            page.line(format_args!(
                "{indent}  (the query no longer returns {} of them: the table is stale)",
                count(link.lost_count)
            ));
        }
        // The asked rows stand at the top already.
        if link.table == self.explanation.table {
            return;
        }
        for row in &located.rows {
            page.line(format_args!("{indent}  {}", values(&located.columns, row, COLUMNS_SHOWN)));
        }
        if i64::try_from(located.rows.len()).is_ok_and(|shown| shown < link.row_count)
            && !located.rows.is_empty()
        {
            page.line(format_args!("{indent}  …"));
        }
    }
}

fn turned_away(page: &mut Page, all: &[TurnedAway], limit: usize) {
    for TurnedAway { kind, table, messages } in all {
        let what = counted(messages.len(), "message");
        page.line(format_args!(""));
        let before = match kind {
            Kind::Duplicate => {
                page.line(format_args!(
                    "{table}: {what} brought again what a message above had brought"
                ));
                "after"
            }
            Kind::Rejected => {
                page.line(format_args!(
                    "{table}: {what} rejected that would be among the rows above"
                ));
                "for"
            }
        };
        for message in messages.iter().take(limit) {
            page.line(format_args!("  {}, {before} {}", message.message_id, message.because));
        }
        if limit < messages.len() {
            page.line(format_args!("  …"));
        }
    }
}

fn proof(page: &mut Page, explanation: &Explanation, command: &str) {
    let proof = &explanation.proof;
    let messages = counted(usize::try_from(proof.message_count).unwrap_or(0), "raw message");
    page.line(format_args!(""));
    let of = match proof.from {
        Extent::Chain => format!("these {messages} alone"),
        Extent::All => format!("all {messages}, since those above were not enough"),
    };
    if !proof.is_same {
        page.line(format_args!("Recomputed from {of}, it is NOT as in the table:"));
        for row in &proof.rows {
            page.line(format_args!("  {}", values(&explanation.columns, row, usize::MAX)));
        }
        page.line(format_args!(
            "The table is stale, or was built by other code: `{command} plan {}` says which.",
            explanation.table
        ));
        return;
    }
    page.line(format_args!("Recomputed from {of}, as in the table:"));
    for row in &proof.rows {
        page.line(format_args!("  {}", values(&explanation.columns, row, usize::MAX)));
    }
    if let (Extent::Chain, Some(first)) = (proof.from, explanation.failed.first()) {
        page.line(format_args!(
            "Of these, {} tell only what is not so; without them something else would come out.",
            count(proof.message_count - first.message_count)
        ));
    }
}

fn count(number: i64) -> String {
    grouped(number.unsigned_abs())
}

/// `1 row`, `2 rows`.
fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(0);
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

fn values(columns: &[String], row: &Row, columns_max: usize) -> String {
    let shown = |(name, value): (&String, &Option<String>)| {
        let value = value.as_deref().unwrap_or("NULL").replace('\n', " ");
        let short: String = value.chars().take(VALUE_SHOWN).collect();
        let more = if short.len() < value.len() { "…" } else { "" };
        format!("{name} = {short}{more}")
    };
    let mut all: Vec<String> = columns.iter().zip(row).map(shown).collect();
    if all.len() > columns_max {
        all.truncate(columns_max);
        all.push("…".to_owned());
    }
    all.join(", ")
}
