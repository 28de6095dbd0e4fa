//! A query rewritten so that each of its rows says which rows of the inputs it comes from.
//!
//! Every row gets one more column, [`WHY`]: a list of numbers, each of a row of an input. A table
//! gives its rows their numbers, a join puts the lists of its sides together, a group those of its
//! rows, and a window function hands on the list of the row whose value it takes. So the engine
//! follows the rows while it runs the same query, whatever its form.
//!
//! Only what is asked for is followed: a column that nobody needs, or the right side of a left join of
//! which nobody needs a column, adds nothing. That this is enough is never taken for granted: the rows
//! that were found are put through the same queries (`explain::recompute`).
//!
//! Not for: running anything, nor for what the tables are (`explain::chain`).

mod calls;
mod from;
mod names;
mod select;

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier,
};

use crate::sql::{
    reads::{parse_query, tables_named},
    tokens::TokenError,
};

/// The column that says where a row comes from.
pub const WHY: &str = "_why";
/// The bits of a number that tell the row; those above them tell the input.
pub const ROW_BITS: u32 = 56;
/// No rows.
const NOTHING: &str = "cast([] as ubigint[])";

/// How much of where a row comes from is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// What the needed columns are computed from, and of rows that do equally well one.
    Columns,
    /// As `Columns`, and of rows that do equally well all.
    Equals,
    /// Groups and windows whole, and joins whether anything of them is needed or not.
    Whole,
}

/// A table that a query reads.
#[derive(Clone, Debug)]
pub struct InputTable {
    /// Its columns in order.
    pub columns: Vec<String>,
    /// An expression that tells its rows apart, of at most [`ROW_BITS`] bits.
    pub row_number: String,
}

/// A query of which each row says where it comes from.
#[derive(Clone, Debug)]
pub struct Annotated {
    /// The text; its last column is [`WHY`].
    pub text: String,
    /// The tables that it reads; a number's upper bits are a position in this list.
    pub inputs: Vec<String>,
    /// The columns of each that are needed.
    pub needed: BTreeMap<String, BTreeSet<String>>,
}

/// Why the rows of a query cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum Unfollowed {
    /// It does not parse.
    #[error("the query does not parse: {}", .0.message)]
    Syntax(TokenError),
    /// It has a form that nothing is known of.
    #[error("{0} is not followed")]
    Form(&'static str),
    /// It reads something that is not known.
    #[error("`{0}` is not known")]
    Name(String),
}

/// Rewrites the bound query of the table `own`. `tables` are those that it may read; what it reads
/// of itself is what was built before, and a build from nothing has none of it.
pub fn annotate(
    bound_sql: &str,
    own: &str,
    needed: &BTreeSet<String>,
    tables: &BTreeMap<String, InputTable>,
    breadth: Breadth,
) -> Result<Annotated, Unfollowed> {
    let query = parse_query(bound_sql).map_err(Unfollowed::Syntax)?;
    let mut inputs: Vec<String> = Vec::new();
    for (name, _) in tables_named(&query) {
        if name != own && !inputs.contains(&name) {
            inputs.push(name);
        }
    }
    let mut annotator = Annotator {
        tables,
        own,
        breadth,
        inputs,
        needed: BTreeMap::new(),
        known: Vec::new(),
        derived_count: 0,
    };
    let columns = annotator.columns_of_query(&query)?;
    let live = (0..columns.len()).filter(|at| needed.contains(&columns[*at])).collect();
    let text = annotator.query(&query, &live)?;
    Ok(Annotated { text, inputs: annotator.inputs, needed: annotator.needed })
}

/// Positions of columns.
type Positions = BTreeSet<usize>;

/// A common table expression that may be read.
struct Known {
    name: String,
    columns: Vec<String>,
    live: Positions,
}

struct Annotator<'a> {
    tables: &'a BTreeMap<String, InputTable>,
    own: &'a str,
    breadth: Breadth,
    inputs: Vec<String>,
    needed: BTreeMap<String, BTreeSet<String>>,
    known: Vec<Known>,
    derived_count: usize,
}

impl Annotator<'_> {
    /// A query of which the columns at `live` are needed. What reads a common table expression says
    /// which of its columns are needed, so the last one is rewritten first.
    fn query(&mut self, query: &Query, live: &Positions) -> Result<String, Unfollowed> {
        let outer_count = self.known.len();
        let expressions = self.remember_with(query)?;
        let limit = query.limit_clause.as_ref();
        // Which rows a LIMIT keeps depends on the order, which may name any column.
        let all = (0..self.columns_of(&query.body)?.len()).collect();
        let live = if limit.is_some() { &all } else { live };
        let mut text = self.body(&query.body, live)?;
        if let Some(limit) = limit {
            let order = query.order_by.as_ref().map(|order| format!("\n{order}"));
            text = format!("{text}{}\n{limit}", order.unwrap_or_default());
        }
        let mut with = Vec::new();
        for expression in expressions.iter().rev() {
            let read = self.known.pop().expect("each expression was remembered");
            let rows = self.query(&expression.query, &read.live)?;
            with.push(format!("{} as (\n{rows}\n)", expression.alias.name));
        }
        debug_assert_eq!(self.known.len(), outer_count, "what a query knows ends with it");
        with.reverse();
        let with =
            if with.is_empty() { String::new() } else { format!("with {}\n", with.join(",\n")) };
        Ok(format!("{with}{text}"))
    }

    fn remember_with<'q>(
        &mut self,
        query: &'q Query,
    ) -> Result<&'q [sqlparser::ast::Cte], Unfollowed> {
        let Some(with) = &query.with else { return Ok(&[]) };
        if with.recursive {
            return Err(Unfollowed::Form("a recursive query"));
        }
        for expression in &with.cte_tables {
            if !expression.alias.columns.is_empty() {
                return Err(Unfollowed::Form("a list of columns behind a name"));
            }
            let columns = self.columns_of_query(&expression.query)?;
            let name = expression.alias.name.value.to_lowercase();
            self.known.push(Known { name, columns, live: Positions::new() });
        }
        Ok(&with.cte_tables)
    }

    fn body(&mut self, body: &SetExpr, live: &Positions) -> Result<String, Unfollowed> {
        match body {
            SetExpr::Select(select) => self.select(select, live),
            SetExpr::Query(query) => Ok(format!("({})", self.query(query, live)?)),
            SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } => {
                let is_distinct = *set_quantifier != SetQuantifier::All;
                let all = (0..self.columns_of(left)?.len()).collect();
                // Rows are equal by all of their columns.
                let live = if is_distinct { &all } else { live };
                let (left, right) = (self.body(left, live)?, self.body(right, live)?);
                let both = format!("{left}\nunion all\n{right}");
                Ok(if is_distinct { self.distinct(&both) } else { both })
            }
            SetExpr::SetOperation { .. } => Err(Unfollowed::Form("`except` or `intersect`")),
            _ => Err(Unfollowed::Form("a query without `select`")),
        }
    }

    /// Equal rows as one.
    fn distinct(&self, rows: &str) -> String {
        let why = self.group_why(WHY);
        format!("select * exclude ({WHY}), {why} as {WHY} from (\n{rows}\n) group by all")
    }

    /// Why a group is there: for any one of its rows, or for all of them.
    fn group_why(&self, row_why: &str) -> String {
        match self.breadth {
            Breadth::Columns => format!("min({row_why})"),
            Breadth::Equals | Breadth::Whole => calls::all_of(row_why),
        }
    }

    /// The names of the columns of a query; empty for an expression without a name.
    fn columns_of_query(&mut self, query: &Query) -> Result<Vec<String>, Unfollowed> {
        let outer_count = self.known.len();
        self.remember_with(query)?;
        let columns = self.columns_of(&query.body);
        self.known.truncate(outer_count);
        columns
    }

    fn columns_of(&mut self, body: &SetExpr) -> Result<Vec<String>, Unfollowed> {
        match body {
            SetExpr::Select(select) => self.columns_of_select(select),
            SetExpr::Query(query) => self.columns_of_query(query),
            SetExpr::SetOperation { left, .. } => self.columns_of(left),
            _ => Err(Unfollowed::Form("a query without `select`")),
        }
    }

    fn columns_of_select(&mut self, select: &Select) -> Result<Vec<String>, Unfollowed> {
        let relations = self.relations(&select.from)?;
        let outputs = select::outputs(select, &relations)?;
        Ok(outputs.into_iter().map(|output| output.name).collect())
    }
}

/// `u` of `u.*`.
fn wildcard_table(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            Some(name.to_string().to_lowercase())
        }
        _ => None,
    }
}
