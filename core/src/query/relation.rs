//! What is known of the rows of a table or subquery: columns, types, and which columns determine
//! which.
//!
//! A dependency says that rows which agree in some columns agree in others. From it follows whether
//! an order has ties that can be seen.

use std::collections::BTreeSet;

use super::{extent::Extent, interval::NextStart, lineage::Lineage};
use crate::portable::types::Type;

/// Columns by their position in a row.
pub type Columns = BTreeSet<usize>;

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in lower case; empty for an expression without an alias.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Whether something in the query makes it NULL: an outer join, `lag`, a CASE without ELSE.
    pub may_be_null: bool,
    /// Whether it is an attribute that a `hashdiff` of the same row is the hash of.
    pub is_hashed: bool,
    /// If it is `row_number()`: the columns that it is partitioned by.
    pub numbers: Option<Columns>,
    /// If it ends a state: where the next one starts.
    pub next_start: Option<NextStart>,
    /// Between which constants its values lie.
    pub extent: Extent,
    /// The columns of tables that it comes from.
    pub lineage: Lineage,
}

impl Column {
    /// A column of which only name and type are known.
    pub fn new(name: impl Into<String>, kind: Type) -> Self {
        Self {
            name: name.into(),
            kind,
            may_be_null: false,
            is_hashed: false,
            numbers: None,
            next_start: None,
            extent: Extent::default(),
            lineage: Lineage::default(),
        }
    }
}

/// Rows that agree in `from` agree in `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The columns that determine.
    pub from: Columns,
    /// The columns that are determined.
    pub to: Columns,
}

/// A table, a subquery, or the joined rows of a FROM.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// What determines what.
    pub dependencies: Vec<Dependency>,
    /// Sets of columns of which no two rows have the same values.
    pub keys: Vec<Columns>,
    /// Whether names are not to be looked up: the relation is the result of a mistake that was
    /// reported.
    pub is_open: bool,
    /// The columns of tables that decide which rows there are.
    pub deciding: Lineage,
    /// The places of the tables whose rows these are, or are made of.
    pub rows_of: BTreeSet<usize>,
}

impl Relation {
    /// Stands for what cannot be known.
    pub fn open() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// Rows with the same columns, of which nothing else is known.
    #[must_use]
    pub fn names_and_types(self) -> Self {
        let columns = self.columns.into_iter();
        let columns = columns.map(|column| Column {
            may_be_null: column.may_be_null,
            lineage: column.lineage,
            ..Column::new(column.name, column.kind)
        });
        Self {
            columns: columns.collect(),
            is_open: self.is_open,
            deciding: self.deciding,
            rows_of: self.rows_of,
            ..Self::default()
        }
    }

    /// The positions of all columns.
    pub fn all(&self) -> Columns {
        (0..self.columns.len()).collect()
    }

    /// Adds that the values of all columns decide which rows there are, as DISTINCT has it.
    pub fn all_decide(&mut self) {
        for column in &self.columns {
            self.deciding.add(&column.lineage);
        }
    }

    /// Adds to each column what any of them comes from: of a recursion nothing more is known.
    pub fn mix_lineage(&mut self) {
        let mut all = Lineage::default();
        for column in &self.columns {
            all.compute(&column.lineage);
        }
        self.columns.iter_mut().for_each(|column| column.lineage.add(&all));
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Adds that `from` determines `to`.
    pub fn depends(&mut self, from: Columns, to: Columns) {
        self.dependencies.push(Dependency { from, to });
    }

    /// Adds that no two rows agree in `key`.
    pub fn is_unique_by(&mut self, key: Columns) {
        let all = self.all();
        self.depends(key.clone(), all);
        self.keys.push(key);
    }

    /// All columns that the given ones determine.
    pub fn closure(&self, columns: &Columns) -> Columns {
        let mut known = columns.clone();
        loop {
            let before = known.len();
            for dependency in &self.dependencies {
                if dependency.from.is_subset(&known) {
                    known.extend(&dependency.to);
                }
            }
            if self.keys.iter().any(|key| key.is_subset(&known)) {
                return self.all();
            }
            let hashdiff = self.position("hashdiff");
            if hashdiff.is_some_and(|at| known.contains(&at)) {
                let hashed = self.columns.iter().enumerate().filter(|(_, c)| c.is_hashed);
                known.extend(hashed.map(|(at, _)| at));
            }
            if known.len() == before {
                return known;
            }
        }
    }

    /// A key without those of its columns that are not `wanted` and that the others determine.
    fn reduced(&self, key: &Columns, wanted: impl Fn(usize) -> bool) -> Columns {
        let mut kept = key.clone();
        for at in key.iter().filter(|at| !wanted(**at)) {
            let mut rest = kept.clone();
            rest.remove(at);
            if self.closure(&rest).contains(at) {
                kept = rest;
            }
        }
        kept
    }

    /// Whether no row is in both: the values of one of these columns are apart.
    pub fn is_apart_from(&self, other: &Self, columns: &Columns) -> bool {
        let extents = |at: &usize| {
            let own = &self.columns.get(*at)?.extent;
            Some(own.is_apart_from(&other.columns.get(*at)?.extent))
        };
        columns.iter().filter_map(extents).any(|is_apart| is_apart)
    }

    /// Appends the columns of another, as a join does. Gives the position of its first column.
    pub fn append(&mut self, other: Self) -> usize {
        let shift = self.columns.len();
        let moved = |columns: Columns| columns.into_iter().map(|at| at + shift).collect();
        for mut column in other.columns {
            column.numbers = column.numbers.map(moved);
            column.next_start =
                column.next_start.and_then(|next| next.moved(|at| Some(at + shift)));
            self.columns.push(column);
        }
        for dependency in other.dependencies {
            self.depends(moved(dependency.from), moved(dependency.to));
        }
        let others: Vec<Columns> = other.keys.into_iter().map(moved).collect();
        if shift == 0 {
            self.keys = others;
        } else {
            let own = std::mem::take(&mut self.keys);
            self.keys =
                own.iter().flat_map(|own| others.iter().map(move |key| own | key)).collect();
        }
        self.is_open |= other.is_open;
        self.deciding.add(&other.deciding);
        self.rows_of.extend(other.rows_of);
        shift
    }
}

/// How a column of a result comes from the rows below it.
#[derive(Clone, Debug)]
pub enum Origin {
    /// It is that column, unchanged.
    Copy(usize),
    /// It is an expression of those columns that tells their values apart, such as a hash key.
    Injective(Columns),
    /// It is determined by those columns.
    Of(Columns),
    /// Nothing determines it.
    Free,
}

/// The result of a SELECT: its columns with their origins in `below`.
pub fn project(below: &Relation, columns: Vec<Column>, origins: &[Origin]) -> Relation {
    let mut result = Relation {
        columns,
        is_open: below.is_open,
        deciding: below.deciding.clone(),
        rows_of: below.rows_of.clone(),
        ..Relation::default()
    };
    let visible = |at: usize| {
        let is_it = |origin: &Origin| match origin {
            Origin::Copy(from) => *from == at || below.closure(&[*from].into()).contains(&at),
            Origin::Injective(from) => from.len() == 1 && from.contains(&at),
            Origin::Of(_) | Origin::Free => false,
        };
        origins.iter().position(is_it)
    };
    let determined_by = |known: &Columns| -> Columns {
        let is_determined = |origin: &Origin| match origin {
            Origin::Copy(at) => known.contains(at),
            Origin::Injective(from) | Origin::Of(from) => from.is_subset(known),
            Origin::Free => false,
        };
        let found = origins.iter().enumerate().filter(|(_, origin)| is_determined(origin));
        found.map(|(at, _)| at).collect()
    };
    let own = origins.iter().filter_map(|origin| match origin {
        Origin::Injective(from) | Origin::Of(from) => Some(from.clone()),
        Origin::Copy(_) | Origin::Free => None,
    });
    let determining = below.dependencies.iter().map(|dependency| dependency.from.clone());
    for from in determining.chain(own).collect::<BTreeSet<_>>() {
        let Some(mapped) = from.iter().map(|at| visible(*at)).collect::<Option<Columns>>() else {
            continue;
        };
        let to = determined_by(&below.closure(&from));
        if !to.is_subset(&mapped) {
            result.depends(mapped, to);
        }
    }
    for (at, origin) in origins.iter().enumerate() {
        match origin {
            Origin::Injective(from) => {
                let to = determined_by(&below.closure(from));
                result.depends([at].into(), to);
            }
            Origin::Copy(from) => {
                let to = determined_by(&below.closure(&[*from].into()));
                if to.len() > 1 {
                    result.depends([at].into(), to);
                }
            }
            Origin::Of(_) | Origin::Free => {}
        }
    }
    for key in &below.keys {
        let key = below.reduced(key, |at| visible(at).is_some());
        if let Some(mapped) = key.iter().map(|at| visible(*at)).collect::<Option<Columns>>() {
            result.is_unique_by(mapped);
        }
    }
    for column in &mut result.columns {
        column.numbers =
            column.numbers.take().and_then(|from| from.iter().map(|at| visible(*at)).collect());
        let copied = |at| {
            origins.iter().position(|origin| matches!(origin, Origin::Copy(from) if *from == at))
        };
        column.next_start = column.next_start.take().and_then(|next| next.moved(copied));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str], key: &[usize]) -> Relation {
        let columns = names.iter().map(|name| Column::new(*name, Type::String)).collect();
        let mut table = Relation { columns, ..Relation::default() };
        table.is_unique_by(key.iter().copied().collect());
        table
    }

    #[test]
    fn a_key_survives_a_projection_that_keeps_it() {
        let below = table(&["id", "day", "x"], &[0, 1]);
        let columns =
            vec![below.columns[1].clone(), below.columns[0].clone(), below.columns[2].clone()];
        let kept = project(&below, columns, &[Origin::Copy(1), Origin::Copy(0), Origin::Copy(2)]);
        assert_eq!(kept.closure(&[0, 1].into()), kept.all());
        assert_ne!(kept.closure(&[0].into()), kept.all());
        let lost = project(&below, vec![below.columns[2].clone()], &[Origin::Copy(2)]);
        assert!(lost.dependencies.is_empty());
    }

    #[test]
    fn a_hash_key_stands_for_what_it_hashes() {
        let below = table(&["id", "x"], &[0]);
        let columns = vec![Column::new("hk", Type::String), below.columns[1].clone()];
        let hashed = project(&below, columns, &[Origin::Injective([0].into()), Origin::Copy(1)]);
        assert_eq!(hashed.closure(&[0].into()), hashed.all());
    }

    #[test]
    fn a_key_determines_what_nothing_else_does() {
        let below = table(&["id", "x"], &[0]);
        let columns = vec![below.columns[0].clone(), Column::new("n", Type::Int64)];
        let numbered = project(&below, columns, &[Origin::Copy(0), Origin::Free]);
        assert_eq!(numbered.closure(&[0].into()), numbered.all());
    }

    #[test]
    fn a_key_loses_what_its_other_columns_determine() {
        let mut below = table(&["id", "start", "x"], &[0, 1]);
        below.depends([0, 2].into(), [1].into());
        below.keys = vec![[0, 1, 2].into()];
        let columns = vec![below.columns[0].clone(), below.columns[2].clone()];
        let kept = project(&below, columns, &[Origin::Copy(0), Origin::Copy(2)]);
        assert_eq!(kept.keys, [Columns::from([0, 1])]);
    }

    #[test]
    fn a_join_keeps_the_keys_of_both() {
        let mut joined = table(&["id", "x"], &[0]);
        let shift = joined.append(table(&["id", "y"], &[0]));
        assert_eq!(joined.closure(&[shift].into()), [2, 3].into());
        joined.depends([0].into(), [shift].into());
        assert_eq!(joined.closure(&[0].into()), joined.all());
    }
}
