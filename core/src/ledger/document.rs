//! `docs/ledger.md`, made from the rules, the limits and the prices.

use std::fmt::Write as _;

use super::rules::{LIMITS, OfTarget, RULES, SIZES, STATEMENTS, WITHIN};
use crate::cost::{PRICES, Prices};

const HEAD: &str = "\
# The ledger

<!-- Made from core/src/ledger/rules.rs and core/src/cost/prices.toml by a test of core/src/ledger/document.rs; with LAKEBED_BLESS=1 it rewrites the page. -->

What BigQuery would process and bill for each statement of a build, before it is sent: `lakebed plan --bytes`.
What it comes to in years: `lakebed growth` and `lakebed cost`. The ledger computes with what stands on this
page. Bytes are logical. Nothing was tried on BigQuery itself: *documented* is what Google's pages say,
*quoted* what a note says that quotes them, *inferred* what follows from them; of what is *assumed*, the ledger
takes the dearer reading.

## Rules

";

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| rule | what it says | how sure | source |\n|---|---|---|---|\n");
    for rule in RULES {
        let confidence = format!("{:?}", rule.confidence).to_lowercase();
        row(&mut page, &[rule.name, rule.says, &confidence, rule.source]);
    }
    page.push_str("\n## Sizes of values\n\n| type | bytes |\n|---|---|\n");
    for size in &SIZES {
        let length = if size.has_length { " and its length" } else { "" };
        let kind = format!("{:?}", size.kind).to_uppercase();
        row(&mut page, &[&kind, &format!("{}{length}", size.bytes)]);
    }
    page.push_str(
        "\n## Statements\n\n| statement | what it reads | what it changes |\n|---|---|---|\n",
    );
    for rule in STATEMENTS {
        let reads = if rule.counts_reads { "counted" } else { "nothing" };
        let target = match rule.target {
            OfTarget::Nothing => "nothing",
            OfTarget::ChangedPartitions => "all columns of the partitions, as they were before",
        };
        row(&mut page, &[rule.statement, reads, target]);
    }
    let names: Vec<String> = WITHIN.iter().map(|name| format!("`{name}`")).collect();
    let _ = write!(
        page,
        "\n## Functions that a partition column may stand in\n\n{}. `extract` of a year or a date, \
         `cast` to a date, and `format_timestamp` and `format_date` with `%F`.\n",
        names.join(", ")
    );
    page.push_str("\n## Limits\n\n| limit | most | of | source |\n|---|---|---|---|\n");
    for limit in LIMITS {
        row(&mut page, &[limit.name, &limit.most.to_string(), limit.of, limit.source]);
    }
    if let Ok(prices) = Prices::parse(PRICES) {
        let _ = write!(
            page,
            "\n## Prices\n\nRead {}, for {}. `lakebed cost --prices FILE` takes others.\n\n\
             | price | US dollars | for | free a month | how sure | source |\n|---|---|---|---|---|---|\n",
            prices.read, prices.region
        );
        for (name, price) in prices.iter() {
            let free = if price.free > 0.0 { price.free.to_string() } else { String::new() };
            let usd = price.usd.to_string();
            row(&mut page, &[name, &usd, &price.per, &free, &price.confidence, &price.source]);
        }
    }
    page
}

/// A row of a table: a bar within a cell would end it.
fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_the_ledger_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ledger.md");
        if std::env::var_os("LAKEBED_BLESS").is_some() {
            std::fs::write(path, markdown()).expect("it can be written");
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == markdown(), "docs/ledger.md is old: run this with LAKEBED_BLESS=1");
    }
}
