//! What is known of the value of an expression.

use super::{
    extent::Extent,
    interval::NextStart,
    lineage::Lineage,
    relation::{Column, Columns, Origin},
};
use crate::portable::types::Type;

/// The value of an expression, row by row.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and most are false")]
pub struct Value {
    /// Its type.
    pub kind: Type,
    /// The columns of this SELECT's rows that it is made of.
    pub columns: Columns,
    /// Whether it is a text written into the query: engines read it as a date where one is wanted.
    pub is_text_literal: bool,
    /// Whether something in the query makes it NULL.
    pub may_be_null: bool,
    /// Whether it is of a group of rows.
    pub has_aggregate: bool,
    /// Whether it is made of columns and constants alone, so that these determine it.
    pub is_determined: bool,
    /// If it is a column or a hash key, which columns it tells apart.
    pub tells_apart: bool,
    /// If it is `row_number()`: the columns that it is partitioned by.
    pub numbers: Option<Columns>,
    /// If it ends a state: where the next one starts.
    pub next_start: Option<NextStart>,
    /// Between which constants it lies.
    pub extent: Extent,
    /// The columns of tables that it comes from.
    pub lineage: Lineage,
}

impl Value {
    /// Of a type, made of nothing.
    pub fn constant(kind: Type) -> Self {
        Self {
            kind,
            columns: Columns::new(),
            is_text_literal: false,
            may_be_null: false,
            has_aggregate: false,
            is_determined: true,
            tells_apart: false,
            numbers: None,
            next_start: None,
            extent: Extent::default(),
            lineage: Lineage::default(),
        }
    }

    /// A column of the rows, with what is known of it.
    pub fn of_column(at: usize, column: &Column) -> Self {
        Self {
            columns: [at].into(),
            may_be_null: column.may_be_null,
            tells_apart: true,
            numbers: column.numbers.clone(),
            next_start: column.next_start.clone(),
            extent: column.extent.clone(),
            lineage: column.lineage.clone(),
            ..Self::constant(column.kind.clone())
        }
    }

    /// Of which nothing is known.
    pub fn unknown() -> Self {
        Self { is_determined: false, ..Self::constant(Type::Unknown) }
    }

    /// Of a type, made of other values.
    pub fn made_of(kind: Type, parts: &[Self]) -> Self {
        let mut value = Self::constant(kind);
        for part in parts {
            value.absorb(part);
        }
        value
    }

    /// Adds a value that it is made of.
    pub fn absorb(&mut self, part: &Self) {
        self.columns.extend(&part.columns);
        self.may_be_null |= part.may_be_null;
        self.has_aggregate |= part.has_aggregate;
        self.is_determined &= part.is_determined;
        self.lineage.compute(&part.lineage);
    }

    /// Adds a condition that decides which value it is; that the condition is NULL makes it none.
    pub fn absorb_condition(&mut self, condition: &Self) {
        let lineage = self.lineage.clone();
        self.absorb(&Self { may_be_null: false, ..condition.clone() });
        self.lineage = lineage;
        self.lineage.decide(&condition.lineage);
    }

    /// How it comes from the rows. What tells one column apart is as good as that column.
    pub fn origin(&self) -> Origin {
        let mut columns = self.columns.iter();
        match (columns.next(), columns.next()) {
            _ if !self.is_determined => Origin::Free,
            (Some(at), None) if self.tells_apart => Origin::Copy(*at),
            (Some(_), _) if self.tells_apart => Origin::Injective(self.columns.clone()),
            _ => Origin::Of(self.columns.clone()),
        }
    }

    /// Whether it may stand where `wanted` is asked for.
    pub fn fits(&self, wanted: &Type) -> bool {
        let is_read = self.is_text_literal && matches!(wanted, Type::Date | Type::Timestamp);
        is_read || self.kind.fits(wanted)
    }
}
