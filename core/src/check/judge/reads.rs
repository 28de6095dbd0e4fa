//! Judges how far a query reads its inputs, against the growth of tables and what the contract says.

use crate::{
    check::Checker,
    contract::{BuildKind, Contract, Growth, Read},
    ledger,
    portable::types::Type,
    query::{PartitionFilter, TableRead},
    rules::reads,
};

/// The column by which a table is built in windows of days, if it is.
fn window_column(contract: &Contract) -> Option<&str> {
    match contract.build {
        BuildKind::Partition => contract.partition_by.as_deref(),
        BuildKind::Delta => contract.window_by.as_deref(),
        BuildKind::Merge => Some("load_date"),
        _ => None,
    }
}

impl Checker<'_> {
    /// Reports reads without a bound, and those that the contract does not say, or says too widely.
    pub fn reads(&mut self, reads: &[TableRead]) {
        let mut compared = Vec::new();
        for read in reads {
            self.within_budget(read);
            let Some(filter) = &read.partition else { continue };
            let Some(table) = self.context.catalog.table(&read.table) else { continue };
            if table.growth == Growth::Events && filter.lower.is_none() {
                self.unbounded(read, filter);
            } else if self.is_declared_in_days(read, filter) {
                self.declared(read, filter);
                compared.push(read);
            }
        }
        self.unused_reads(&compared);
    }

    /// Whether the rows of one build may be of one day or of many.
    pub fn is_built_by_days(&self) -> bool {
        self.context.table.is_some_and(|file| window_column(&file.contract).is_some())
    }

    /// Of a table that states what a day may scan, no read may be longer each day.
    fn within_budget(&mut self, read: &TableRead) {
        let budget = self.context.table.and_then(|file| file.contract.max_scan);
        let table = self.context.catalog.table(&read.table);
        let (Some(budget), Some(table)) = (budget, table.filter(|t| t.growth != Growth::Fixed))
        else {
            return;
        };
        let kind = table.partition_by.as_ref().and_then(|column| {
            let at = table.rows.position(column)?;
            Some(&table.rows.columns[at].kind)
        });
        if let Some(blame) = ledger::blame(read, kind == Some(&Type::Timestamp)) {
            let message = format!("a day may scan {budget}, and {blame}");
            let place = blame.place.unwrap_or_else(|| read.place.clone());
            self.report(&reads::SCAN_BUDGET, place, message);
        }
    }

    fn unbounded(&mut self, read: &TableRead, filter: &PartitionFilter) {
        let (name, column) = (&read.table, &filter.column);
        let (place, rule, message) = if let Some(place) = filter.wrapped() {
            let message = format!("`{column}` of `{name}` is wrapped in an expression");
            (place.clone(), &reads::WRAPPED_PARTITION, message)
        } else {
            let bound = if filter.upper.is_some() { "a first date" } else { "constant dates" };
            let message =
                format!("`{name}` grows with events, and is read without {bound} of `{column}`");
            (read.place.clone(), &reads::PARTITION_PREDICATE, message)
        };
        let help = Some(format!("add `{column} between @from_date and @to_date`"));
        self.report_with(rule, place, message, help);
    }

    /// Whether the contract says in days how far it is read: a build has a window of its dates.
    fn is_declared_in_days(&self, read: &TableRead, filter: &PartitionFilter) -> bool {
        let Some(file) = self.context.table else { return false };
        let window = window_column(&file.contract);
        let is_one_domain =
            window.is_some_and(|own| (own == "load_date") == (filter.column == "load_date"));
        let declared = file.contract.reads.get(read.table.as_str());
        let is_otherwise = declared.is_some_and(|declared| declared.as_of || declared.whole);
        let table = self.context.catalog.table(&read.table);
        let is_history = table.is_some_and(|table| table.build == Some(BuildKind::History));
        is_one_domain && !is_otherwise && !is_history && read.table != file.name
    }

    /// Compares with the contract.
    fn declared(&mut self, read: &TableRead, filter: &PartitionFilter) {
        let Some(file) = self.context.table else { return };
        let (name, column) = (&read.table, &filter.column);
        let declared = file.contract.reads.get(name.as_str()).cloned().unwrap_or_default();
        if filter.lower.is_none() && filter.upper.is_none() {
            if !filter.is_joined() && !declared.lookup {
                let message = format!("all of `{name}` is read, and the contract does not say so");
                let help = Some(format!("add `{column} between @from_date and @to_date`"));
                self.report_with(&reads::UNDECLARED_READS, read.place.clone(), message, help);
            }
            return;
        }
        let (Some(read_days), Some(allowed)) = (filter.days(), self.declared_days(&declared))
        else {
            return;
        };
        for (days, allowed, bound, field) in [
            (read_days.0, allowed.0, &filter.lower, "days_before"),
            (read_days.1, allowed.1, &filter.upper, "days_after"),
        ] {
            let Some(bound) = bound.as_ref().filter(|_| days > allowed) else { continue };
            let side = field.trim_start_matches("days_");
            let message = format!(
                "{days} days {side} the window of `{name}` are read, and the contract says {allowed}"
            );
            let help = Some(format!("add `[reads.\"{name}\"]` with `{field} = \"{days}\"`"));
            self.report_with(&reads::UNDECLARED_READS, bound.place.clone(), message, help);
        }
    }

    /// Reports what the contract declares and the query does not read that far.
    fn unused_reads(&mut self, compared: &[&TableRead]) {
        let Some(file) = self.context.table else { return };
        for (name, declared) in &file.contract.reads {
            let own = compared.iter().filter(|read| read.table.as_str() == name);
            let days = own.map(|read| read.partition.as_ref()?.days());
            let Some(days) = days.collect::<Option<Vec<_>>>() else { continue };
            let (Some(before), Some(after)) =
                (days.iter().map(|d| d.0).max(), days.iter().map(|d| d.1).max())
            else {
                continue;
            };
            let Some((before_declared, after_declared)) = self.declared_days(declared) else {
                continue;
            };
            if before_declared > before.max(0) || after_declared > after.max(0) {
                let message = format!(
                    "the contract says {before_declared} days before and {after_declared} after, \
                     and {} and {} are read",
                    before.max(0),
                    after.max(0)
                );
                let place = file.contract_span(&format!("[reads.\"{name}\"]"));
                self.report(&reads::UNUSED_READS, place, message);
            }
        }
    }

    fn declared_days(&self, declared: &Read) -> Option<(i64, i64)> {
        let integers = self.context.integers();
        let days = |text: &Option<String>| match text {
            None => Some(0),
            Some(text) => crate::contract::expression::evaluate(text, &integers).ok(),
        };
        Some((days(&declared.days_before)?, days(&declared.days_after)?))
    }
}
