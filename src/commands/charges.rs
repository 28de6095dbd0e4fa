//! What BigQuery would bill for a build: before it, of its plan, and after it, of what was sent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{Failure, open::OpenProject, output::Page};
use crate::{
    builder::BuildReport,
    contract::{ByteSize, TableName},
    ledger::{self, BuildCharge, Ledger},
    pipeline::Pipeline,
    plan::Selection,
    recipe::tasks,
    sizes,
};

/// By table.
pub type Charges = BTreeMap<TableName, BuildCharge>;

/// What a build of what is stale now would cost. This reads each table once, to measure it.
pub fn of_plan(
    open: &OpenProject,
    pipeline: &Pipeline,
    selection: &Selection,
    window_days_max: usize,
) -> Result<Charges, Failure> {
    let profile = sizes::measure(pipeline)?;
    let mut ledger = Ledger::new(&open.project, &pipeline.graph);
    ledger::plan::plan(&mut ledger, pipeline.planner(), selection, window_days_max, &profile)
        .map_err(|error| Failure::data(error.message))
}

/// Fails if a table states what a day may scan, and the build would scan more for each of its days.
pub fn hold_budgets(
    open: &OpenProject,
    pipeline: &Pipeline,
    selection: &Selection,
    window_days_max: usize,
) -> Result<(), Failure> {
    let has_budget = |name: &TableName| pipeline.graph.node(name).file.contract.max_scan.is_some();
    if !selection.tables.iter().any(has_budget) {
        return Ok(());
    }
    for (name, charge) in of_plan(open, pipeline, selection, window_days_max)? {
        let node = pipeline.graph.node(&name);
        let Some(budget) = node.file.contract.max_scan else { continue };
        let stale = pipeline.planner().selected(node, selection);
        let windows = tasks(pipeline.planner(), node, &stale, window_days_max);
        let days: usize = windows.iter().map(|task| task.stamps.len()).sum();
        let of_day = charge.processed_bytes() / u64::try_from(days.max(1)).unwrap_or(1);
        if of_day > budget.0 {
            let because = charge.blame().map(|blame| format!(": {blame}")).unwrap_or_default();
            return Err(Failure::data(format!(
                "a day of {name} would scan {}, and its contract allows {budget}{because}",
                ByteSize(of_day)
            ))
            .hint("nothing was built; read less, or raise `max_scan`"));
        }
    }
    Ok(())
}

/// What a build sends, by table.
#[derive(Default)]
pub struct Sent(Mutex<BTreeMap<String, Vec<String>>>);

impl Sent {
    /// Takes what was committed, of a table and its windows.
    pub fn add(&self, of: &str, statements: &[&str]) {
        let table = of.split(' ').next().unwrap_or_default().to_owned();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(table).or_default().extend(statements.iter().map(ToString::to_string));
    }

    /// What it would have cost in BigQuery, by the sizes that the tables have now.
    pub fn charges(
        self,
        open: &OpenProject,
        pipeline: &Pipeline,
        report: &BuildReport,
    ) -> Result<Charges, Failure> {
        let mut sizes = sizes::measure(pipeline)?.sizes;
        let mut ledger = Ledger::new(&open.project, &pipeline.graph);
        let sent = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut charges = Charges::new();
        for node in pipeline.graph.in_order() {
            let Some(statements) = sent.get(node.name().as_str()) else { continue };
            let row_count = report.tables.get(node.name()).map_or(0, |table| table.row_count);
            charges
                .insert(node.name().clone(), ledger.sent(node, statements, row_count, &mut sizes));
        }
        Ok(charges)
    }
}

/// For scripts.
pub fn json(charge: &BuildCharge) -> Value {
    json!({
        "processed_bytes": charge.processed_bytes(),
        "billed_bytes": charge.billed_bytes(),
        "billed_bytes_max": charge.billed_bytes_max(),
        "statements": charge.statements,
    })
}

/// A line on a table.
pub fn render(page: &mut Page, charge: &BuildCharge) {
    let billed = charge.billed_bytes();
    let most = match charge.billed_bytes_max() {
        most if most > billed => format!(", at most {} as it is clustered", ByteSize(most)),
        _ => String::new(),
    };
    page.line(format_args!(
        "  scans {}, billed as {}{most}, in {} statements",
        ByteSize(charge.processed_bytes()),
        ByteSize(billed),
        charge.statements.len()
    ));
}

/// A line on all of them.
pub fn render_total(page: &mut Page, charges: &Charges) {
    let sum = |of: fn(&BuildCharge) -> u64| ByteSize(charges.values().map(of).sum());
    page.line(format_args!(
        "\nIn BigQuery this would scan {} and be billed as {}, at most {}; docs/ledger.md has the rules.",
        sum(BuildCharge::processed_bytes),
        sum(BuildCharge::billed_bytes),
        sum(BuildCharge::billed_bytes_max),
    ));
}
