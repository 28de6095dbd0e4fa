//! `docs/portable-sql.md`, made from the definition of the subset and from the rules.

use std::fmt::Write as _;

use crate::{
    portable::{
        constructs::{CONSTRUCTS, Construct},
        functions::{Argument, FUNCTIONS, Function, OUTSIDE, Signature, groups},
    },
    rules::{self, Rule},
};

const HEAD: &str = "\
# Portable SQL

<!-- Made from core/src/portable/ and core/src/rules/ by a test; `cargo xtask bless` rewrites it. -->

Queries under `layers/` are plain GoogleSQL, and DuckDB runs the same text. This page lists what both
read and mean alike: what is on it may be written, and nothing else. Where the column *Spark* says
yes, Spark means the same too. `lakebed check` holds queries to it; `lakebed check --explain CODE`
says why a rule is there.

";

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("## What a query is made of\n");
    constructs(&mut page);
    page.push_str("\n## Types\n\n");
    page.push_str(
        "STRING, INT64, FLOAT64, BOOL, DATE, TIMESTAMP (UTC, microseconds), BYTES; ARRAY of these, \
         and STRUCT of a payload, within a query; NUMERIC and JSON as columns of a contract that a \
         query hands on.\n",
    );
    page.push_str("\n## Functions\n");
    let _ = write!(
        page,
        "\n{} functions. `T` is any one type; `…`: the last argument may be repeated; `~`: only in \
         the form that stands after it; *tolerance* is the greatest relative difference.\n",
        FUNCTIONS.len()
    );
    for group in groups() {
        functions(&mut page, &group);
    }
    page.push_str("\n## What is outside, and what to write instead\n\n");
    page.push_str("| function | why | instead |\n|---|---|---|\n");
    for outside in OUTSIDE.values() {
        row(&mut page, &[&format!("`{}`", outside.name), &outside.why, &outside.instead]);
    }
    page.push_str("\n## Rules\n");
    for rule in rules::all() {
        describe(&mut page, rule);
    }
    page.push_str(
        "\n## When a rule is wrong\n\n\
         A comment above, in the same paragraph, lets it be: `-- lakebed:allow LB081: ` and the \
         reason. Without a reason it does not.\n",
    );
    page
}

/// A row of a table: a bar within a cell would end it.
fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn constructs(page: &mut String) {
    let mut group = "";
    for Construct { group: own, name, is_in_spark, example, notes } in CONSTRUCTS.iter() {
        if own != group {
            let _ = write!(
                page,
                "\n### {own}\n\n| what | Spark | example | note |\n|---|---|---|---|\n"
            );
            group = own;
        }
        row(page, &[name, yes(*is_in_spark), &format!("`{example}`"), notes]);
    }
}

fn functions(page: &mut String, group: &str) {
    let _ =
        write!(page, "\n### {group}\n\n| function | gives | Spark | about |\n|---|---|---|---|\n");
    for function in FUNCTIONS.values().filter(|function| function.group == group) {
        let calls: Vec<String> =
            function.signatures.iter().map(|signature| call(function, signature)).collect();
        let mut returns: Vec<String> =
            function.signatures.iter().map(|signature| signature.returns.to_string()).collect();
        returns.dedup();
        let mut about = function.about.clone();
        if let Some(note) = &function.notes {
            let _ = write!(about, " {note}.");
        }
        if let Some(tolerance) = function.tolerance {
            let _ = write!(about, " *Tolerance {tolerance:e}.*");
        }
        let about = about.replace("..", ".");
        row(page, &[&calls.join("<br>"), &returns.join(", "), yes(function.is_in_spark), &about]);
    }
}

/// `substr(STRING, INT64)`
fn call(function: &Function, signature: &Signature) -> String {
    let argument = |argument: &Argument| match (&argument.form, &argument.spark_form) {
        (Some(form), Some(in_spark)) if form != in_spark => {
            format!("{} ~ {form}, in Spark {in_spark}", argument.kind)
        }
        (Some(form), _) => format!("{} ~ {form}", argument.kind),
        (None, _) => argument.kind.to_string(),
    };
    let mut arguments: Vec<String> = signature.arguments.iter().map(argument).collect();
    if signature.is_variadic {
        arguments.push("…".to_owned());
    }
    format!("`{}({})`", function.name, arguments.join(", "))
}

fn describe(page: &mut String, rule: &Rule) {
    let Rule { code, name, about, why, instead, bad, good, .. } = rule;
    let _ = write!(page, "\n### {code} {name}\n\n{about} {why} {instead}\n");
    if !bad.is_empty() {
        let _ = write!(page, "\n```sql\n-- not\n{bad}\n-- but\n{good}\n```\n");
    }
}
