//! What one statement processes and what is billed for it.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;
use sqlparser::{
    ast::{
        Delete, Expr, FromTable, MergeAction, MergeClauseKind, ObjectName, SetExpr, Statement,
        TableFactor, TableWithJoins,
    },
    dialect::BigQueryDialect,
    parser::Parser,
};

use super::{
    Ledger, Sizes,
    reach::{Blame, Reached, Scan, Why, reaches, whole},
    rules::{self, BILLED_BYTES_MIN, MEGABYTE, OfTarget, StatementRule},
};
use crate::{
    contract::TableName,
    plan::snapshot::Partition,
    query::{Context, Facts, source::Source},
    sql::{reads::parse_query, tokens::TokenError},
};

/// What a statement costs.
#[derive(Clone, Debug, Serialize)]
pub struct Charge {
    /// The kind, as `rules` lists it.
    pub statement: &'static str,
    /// What it reads, by table.
    pub scans: Vec<Scan>,
    /// What is counted of the table that it changes.
    pub changed: Option<Scan>,
    /// Logical bytes that are processed.
    pub processed_bytes: u64,
    /// Bytes that are billed.
    pub billed_bytes: u64,
    /// Bytes that are billed if clustering spoils a delete that would be free.
    pub billed_bytes_max: u64,
}

/// Billed bytes of what was processed (rule `minimum`).
fn billed(scans: &[&Scan]) -> u64 {
    let processed: u64 = scans.iter().map(|scan| scan.bytes).sum();
    if processed == 0 {
        return 0;
    }
    let each = scans.iter().map(|scan| scan.bytes.max(BILLED_BYTES_MIN));
    each.sum::<u64>().next_multiple_of(MEGABYTE)
}

impl Charge {
    fn new(rule: &StatementRule, scans: Vec<Scan>, changed: Option<Scan>) -> Self {
        let mut counted: Vec<&Scan> = Vec::new();
        if rule.counts_reads {
            counted.extend(&scans);
        }
        if rule.target == OfTarget::ChangedPartitions {
            counted.extend(&changed);
        }
        let processed_bytes = counted.iter().map(|scan| scan.bytes).sum();
        let billed_bytes = billed(&counted);
        Self {
            statement: rule.statement,
            processed_bytes,
            billed_bytes,
            billed_bytes_max: billed_bytes,
            scans,
            changed,
        }
    }

    /// The statement stands in no file.
    pub(super) fn forget_places(&mut self) {
        let all = self.scans.iter_mut().chain(&mut self.changed);
        all.filter_map(|scan| scan.blame.as_mut()).for_each(|blame| blame.place = None);
    }

    /// Whether it reads or changes rows of a table.
    pub fn is_of_rows(&self) -> bool {
        !self.scans.is_empty() || self.changed.is_some()
    }

    fn free() -> Self {
        Self::new(&rules::FREE, Vec::new(), None)
    }
}

/// A table that a statement changes.
struct Target<'a> {
    name: &'a TableName,
    partitions: BTreeSet<Partition>,
    blame: Option<Blame>,
}

impl Ledger<'_> {
    /// What a statement costs. A statement that cannot be parsed is an error; what it reads of tables
    /// that nobody measured is nothing.
    pub fn statement(&self, sql: &str, sizes: &Sizes) -> Result<Charge, TokenError> {
        let parsed = Parser::parse_sql(&BigQueryDialect {}, sql);
        let error = |message: String| TokenError { message, offset: 0 };
        let mut parsed = parsed.map_err(|e| error(e.to_string()))?.into_iter();
        let (Some(statement), None) = (parsed.next(), parsed.next()) else {
            return Err(error("the ledger takes one statement at a time".to_owned()));
        };
        match statement {
            Statement::Query(_) => self.select(sql, sizes),
            Statement::CreateTable(table) => match table.query {
                Some(query) => self.select(&query.to_string(), sizes),
                None => Ok(Charge::free()),
            },
            Statement::Insert(insert) => match insert.source {
                Some(source) if !matches!(*source.body, SetExpr::Values(_)) => {
                    let reads = self.reads(&source.to_string(), sizes)?;
                    Ok(Charge::new(&rules::INSERT, reads, None))
                }
                _ => Ok(Charge::free()),
            },
            Statement::Delete(delete) => self.delete(&delete, sizes),
            Statement::Update(update) => {
                self.change(table_of(&update.table), update.selection.as_ref(), sizes)
            }
            Statement::Merge(merge) => {
                let is_insert = |kind: &MergeAction| matches!(kind, MergeAction::Insert(_));
                let rule = if merge.clauses.iter().all(|clause| is_insert(&clause.action)) {
                    &rules::MERGE_INSERTS
                } else {
                    &rules::MERGE
                };
                let scans_all = merge
                    .clauses
                    .iter()
                    .any(|clause| clause.clause_kind == MergeClauseKind::NotMatchedBySource);
                let on = if scans_all { "true".to_owned() } else { merge.on.to_string() };
                self.merge(rule, (&merge.table, &merge.source, &on), sql, sizes)
            }
            _ => Ok(Charge::free()),
        }
    }

    /// What is known of a text that is one query.
    pub(super) fn facts(&self, sql: &str) -> Result<Facts, TokenError> {
        let text: Arc<str> = sql.into();
        let span = 0..text.len();
        let source = Source::new(std::path::PathBuf::new(), text, span)?;
        let query = parse_query(source.query())?;
        let context = Context { project: self.project, catalog: &self.catalog, table: None };
        Ok(Facts::of(&query, &source, context))
    }

    fn reads(&self, query: &str, sizes: &Sizes) -> Result<Vec<Scan>, TokenError> {
        let mut reached = Reached::default();
        self.add_reads(&self.facts(query)?, sizes, &mut reached)?;
        Ok(reached.scans(sizes))
    }

    fn select(&self, query: &str, sizes: &Sizes) -> Result<Charge, TokenError> {
        Ok(Charge::new(&rules::SELECT, self.reads(query, sizes)?, None))
    }

    fn delete(&self, delete: &Delete, sizes: &Sizes) -> Result<Charge, TokenError> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let name = from.first().and_then(table_of);
        let charge = self.change(name.clone(), delete.selection.as_ref(), sizes)?;
        let Some(name) = name.filter(|name| self.covers(name, delete.selection.as_ref(), sizes))
        else {
            return Ok(charge);
        };
        // Rule `whole-partitions`, and what clustering may make of it.
        let clustered = self.graph.get(&name).is_some_and(|node| {
            let contract = &node.file.contract;
            contract.cluster_by.iter().any(|column| Some(column) != contract.partition_by.as_ref())
        });
        let billed_bytes_max = if clustered { charge.billed_bytes_max } else { 0 };
        Ok(Charge { billed_bytes_max, ..Charge::free() })
    }

    /// Whether a condition covers whole partitions and says nothing else.
    fn covers(&self, name: &TableName, condition: Option<&Expr>, sizes: &Sizes) -> bool {
        let Some(facts) = self.catalog.table(name).filter(|_| !self.ignores_partitions) else {
            return false;
        };
        let (Some(column), Some(condition)) = (&facts.partition_by, condition) else {
            return false;
        };
        let Ok(read) = self.facts(&format!("select 1 from {name} where {condition}")) else {
            return false;
        };
        let Some(filter) = read.reads.first().and_then(|read| read.partition.as_ref()) else {
            return false;
        };
        let conjuncts = conjunct_count(condition);
        let is_said = filter.conditions.len() == conjuncts || condition.to_string() == "true";
        let is_of_instants = self.is_of_instants(name, column);
        let is_whole = |partition: &Partition| {
            let holds = reaches(filter, *partition, is_of_instants);
            holds.may == holds.must
        };
        is_said
            && filter.conditions.iter().all(|condition| condition.is_alone)
            && sizes.get(name).is_none_or(|size| size.rows.keys().all(is_whole))
    }

    fn change(
        &self,
        name: Option<TableName>,
        condition: Option<&Expr>,
        sizes: &Sizes,
    ) -> Result<Charge, TokenError> {
        let Some(name) = name else { return Ok(Charge::free()) };
        let condition = condition.map_or_else(|| "true".to_owned(), ToString::to_string);
        let query = format!("select 1 from {name} where {condition}");
        let facts = self.facts(&query)?;
        let mut scans = self.reads(&query, sizes)?;
        let target = self.target(&name, &facts, &condition, sizes);
        // What it reads of the table that it changes, it reads to change it.
        if let Some(own) = scans.iter_mut().find(|scan| scan.table == name) {
            own.blame = target.blame.clone().map(|blame| Blame { bytes: own.bytes, ..blame });
        }
        let changed = changed(target, sizes);
        Ok(Charge::new(&rules::CHANGE, scans, Some(changed)))
    }

    /// The partitions of the changed table that its own conditions do not rule out.
    fn target<'n>(
        &self,
        name: &'n TableName,
        facts: &Facts,
        condition: &str,
        sizes: &Sizes,
    ) -> Target<'n> {
        let own = facts.reads.iter().find(|read| read.table == *name);
        let partitions = own.map(|read| self.partitions(read, sizes)).unwrap_or_default();
        let is_all = sizes.get(name).is_some_and(|size| size.rows.len() == partitions.len());
        let blame = is_all.then(|| Blame {
            table: name.clone(),
            why: Why::Changes,
            condition: condition.to_owned(),
            place: None,
            bytes: 0,
        });
        Target { name, partitions, blame }
    }

    fn merge(
        &self,
        rule: &StatementRule,
        (table, source, on): (&TableFactor, &TableFactor, &str),
        sql: &str,
        sizes: &Sizes,
    ) -> Result<Charge, TokenError> {
        let Some(name) = factor_name(table) else { return Ok(Charge::free()) };
        // Which columns the clauses name, a text can say; the keys alone are read for inserts.
        let named = |column: &String| {
            let text = sql.to_lowercase();
            text.contains(&format!("target.{column}")) || text.contains(&format!("t.{column}"))
        };
        let query = format!("select 1 from {table}, {source} where {on}");
        let facts = self.facts(&query)?;
        let mut reached = Reached::default();
        for read in &facts.reads {
            let partitions = self.partitions(read, sizes);
            let size = sizes.get(&read.table).cloned().unwrap_or_default();
            let is_target = read.table == name;
            let columns = size.columns.into_keys().filter(|column| !is_target || named(column));
            reached.add(&read.table, columns, &partitions);
        }
        let target = self.target(&name, &facts, on, sizes);
        if let Some(blame) = &target.blame {
            reached.add_blame(blame.clone());
        }
        let changed = changed(target, sizes);
        Ok(Charge::new(rule, reached.scans(sizes), Some(changed)))
    }
}

fn changed(target: Target<'_>, sizes: &Sizes) -> Scan {
    let size = sizes.get(target.name).cloned().unwrap_or_default();
    let rows: f64 = target.partitions.iter().filter_map(|at| size.rows.get(at)).sum();
    let bytes = whole(rows * size.row_bytes());
    Scan {
        table: target.name.clone(),
        columns: size.columns.keys().cloned().collect(),
        partitions_read: target.partitions.len() as u64,
        partition_count: size.rows.len() as u64,
        row_count: whole(rows),
        bytes,
        blame: target.blame.map(|blame| Blame { bytes, ..blame }),
    }
}

fn conjunct_count(condition: &Expr) -> usize {
    use sqlparser::ast::BinaryOperator::And;
    match condition {
        Expr::BinaryOp { left, op: And, right } => conjunct_count(left) + conjunct_count(right),
        Expr::Nested(inner) => conjunct_count(inner),
        _ => 1,
    }
}

fn table_of(table: &TableWithJoins) -> Option<TableName> {
    factor_name(&table.relation)
}

fn factor_name(factor: &TableFactor) -> Option<TableName> {
    match factor {
        TableFactor::Table { name, .. } => table_name(name),
        _ => None,
    }
}

fn table_name(name: &ObjectName) -> Option<TableName> {
    TableName::parse(&name.to_string().replace('`', "").to_lowercase())
}
