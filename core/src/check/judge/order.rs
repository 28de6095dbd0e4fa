//! Judges what depends on the order of rows: windows, aggregates in an order, LIMIT.

use crate::{
    check::Checker,
    query::{
        LimitUse,
        window::{Over, WindowUse},
    },
    rules::{determinism, reads},
};

impl Checker<'_> {
    /// Reports windows over the days of a build, and orders with ties that can be seen.
    pub fn windows(&mut self, windows: &[WindowUse]) {
        for found in windows {
            let place = || found.place.clone();
            if found.over == Over::All && self.is_built_by_days() {
                let message = "the window is over all days that are built together".to_owned();
                self.report(&reads::DAYS_OF_A_BUILD, place(), message);
            }
            let is_tied = !found.ties.is_empty();
            if found.function == "any_value" {
                if is_tied {
                    let message = format!("`any_value` of {} may be any", quoted(&found.ties));
                    self.report(&determinism::ANY_VALUE, place(), message);
                }
            } else if !found.has_order && (found.numbers_rows || is_tied) {
                let message = format!("`{}` without an order", found.function);
                self.report(&determinism::NO_ORDER, place(), message);
            } else if is_tied {
                let ties = quoted(&found.ties);
                let message = format!("rows that tie in this order may differ in {ties}");
                self.report(&determinism::TIES, place(), message);
            }
        }
    }

    /// Reports LIMITs over the days of a build, and those that take any rows.
    pub fn limits(&mut self, limits: &[LimitUse]) {
        for found in limits {
            if self.is_built_by_days() {
                let message = "LIMIT counts the rows of all days that are built together";
                self.report(&reads::DAYS_OF_A_BUILD, found.place.clone(), message.to_owned());
            }
            if found.has_ties {
                let what = if found.has_order { "an order with ties" } else { "no order" };
                let message = format!("LIMIT with {what} takes any rows");
                self.report(&determinism::LIMIT, found.place.clone(), message);
            }
        }
    }
}

/// At most three names: `a`, `b` and 4 more.
fn quoted(names: &[String]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN_MAX) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}
