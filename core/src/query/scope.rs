//! Names in a SELECT: the tables of its FROM, their columns, and the SELECT around it.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use sqlparser::ast::{Ident, WindowSpec};

use super::{
    lineage::Lineage,
    relation::{Columns, Relation},
    value::Value,
    window::OpenWindow,
};
use crate::{contract::TableName, portable::types::Type};

/// A table of a FROM under the name that the query gives it.
#[derive(Clone, Debug)]
pub struct ScopeTable {
    /// Its name in this SELECT.
    pub alias: String,
    /// Its columns among those of the joined rows.
    pub columns: Range<usize>,
    /// The real table, if it is one.
    pub table: Option<TableName>,
    /// Where it stands in the file.
    pub place: Range<usize>,
}

/// What the expressions of a SELECT may name.
#[derive(Debug, Default)]
pub struct Scope<'p> {
    /// The tables in order.
    pub tables: Vec<ScopeTable>,
    /// The joined rows.
    pub rows: Relation,
    /// Columns that USING made one.
    pub merged: BTreeMap<String, usize>,
    /// The SELECT's own aliases, where they may be named.
    pub aliases: BTreeMap<String, Value>,
    /// Named windows.
    pub windows: BTreeMap<String, WindowSpec>,
    /// The columns that were named so far.
    pub used: RefCell<Columns>,
    /// The windows that were opened so far.
    pub windows_opened: RefCell<Vec<OpenWindow>>,
    /// The SELECT around this one, whose columns a correlated subquery may name.
    pub parent: Option<&'p Scope<'p>>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// A column of this SELECT's rows, and the type of the field of it that is meant.
    Column(usize, Type),
    /// A column of a SELECT around this one, and what it comes from.
    Outer(Type, Lineage),
    /// Something that a reported mistake hides.
    Open,
}

/// Why a name stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is called so. The names that could be meant.
    Unknown(Vec<String>),
    /// Several tables have it: their names.
    Ambiguous(Vec<String>),
    /// The struct has no such field. The fields that it has.
    Field(String, Vec<String>),
}

impl<'p> Scope<'p> {
    /// A scope inside of another.
    pub fn inside(parent: Option<&'p Scope<'p>>) -> Self {
        Self { parent, ..Self::default() }
    }

    /// Looks up `column`, `table.column`, or a field of either.
    pub fn resolve(&self, parts: &[Ident]) -> Result<Resolved, NameError> {
        let names: Vec<String> = parts.iter().map(|part| part.value.to_lowercase()).collect();
        match self.find(&names) {
            Ok(Some((at, fields))) => {
                self.used.borrow_mut().insert(at);
                field(&self.rows.columns[at].kind, fields).map(|kind| Resolved::Column(at, kind))
            }
            Ok(None) if self.rows.is_open => Ok(Resolved::Open),
            Ok(None) => {
                let mut known = self.names(&names);
                match self.parent.map(|parent| parent.resolve(parts)) {
                    Some(Ok(Resolved::Column(at, kind))) => {
                        let around = self.parent.map(|parent| &parent.rows.columns[at]);
                        let lineage = around.map(|column| column.lineage.clone());
                        Ok(Resolved::Outer(kind, lineage.unwrap_or_default()))
                    }
                    Some(Ok(Resolved::Outer(kind, lineage))) => Ok(Resolved::Outer(kind, lineage)),
                    Some(Ok(Resolved::Open)) => Ok(Resolved::Open),
                    Some(Err(NameError::Unknown(outer))) => {
                        known.extend(outer);
                        Err(NameError::Unknown(known))
                    }
                    Some(Err(error)) => Err(error),
                    None => Err(NameError::Unknown(known)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The position of a column and the names of fields after it.
    fn find<'n>(&self, names: &'n [String]) -> Result<Option<(usize, &'n [String])>, NameError> {
        if let [table, column, fields @ ..] = names
            && let Some(known) = self.tables.iter().find(|known| known.alias == *table)
            && let Some(at) = known.columns.clone().find(|at| self.is_named(*at, column))
        {
            return Ok(Some((at, fields)));
        }
        let [column, fields @ ..] = names else { return Ok(None) };
        if let Some(at) = self.merged.get(column) {
            return Ok(Some((*at, fields)));
        }
        let all = 0..self.rows.columns.len();
        let found: Vec<usize> = all.filter(|at| self.is_named(*at, column)).collect();
        match found.as_slice() {
            [] => Ok(None),
            [at] => Ok(Some((*at, fields))),
            several => {
                let has = |table: &&ScopeTable| several.iter().any(|at| table.columns.contains(at));
                let tables = self.tables.iter().filter(has);
                Err(NameError::Ambiguous(tables.map(|table| table.alias.clone()).collect()))
            }
        }
    }

    fn is_named(&self, at: usize, name: &str) -> bool {
        self.rows.columns[at].name == name
    }

    /// The names that could stand where `names` stands.
    fn names(&self, names: &[String]) -> Vec<String> {
        let of_table = match names {
            [table, _, ..] => self.tables.iter().find(|known| known.alias == *table),
            _ => None,
        };
        let columns = of_table.map_or(0..self.rows.columns.len(), |table| table.columns.clone());
        columns.map(|at| self.rows.columns[at].name.clone()).collect()
    }

    /// Whether the FROM itself has a column of that name.
    pub fn has_column(&self, name: &str) -> Option<usize> {
        self.find(&[name.to_owned()]).ok().flatten().map(|(at, _)| at)
    }
}

fn field(kind: &Type, fields: &[String]) -> Result<Type, NameError> {
    let [name, rest @ ..] = fields else { return Ok(kind.clone()) };
    match kind {
        Type::Struct(known) => {
            let found = known.iter().find(|(field, _)| field == name);
            let names = || known.iter().map(|(field, _)| field.clone()).collect();
            found.map_or_else(
                || Err(NameError::Field(name.clone(), names())),
                |(_, kind)| field(kind, rest),
            )
        }
        kind if kind.is_open() => Ok(Type::Unknown),
        other => Err(NameError::Field(name.clone(), vec![format!("none: it is {other}")])),
    }
}
