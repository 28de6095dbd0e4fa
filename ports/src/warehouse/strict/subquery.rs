//! Subqueries and joins that BigQuery cannot run, by the syntax tree alone.
//!
//! A column of a SELECT around is known by the name before its dot: without a name, it would take the
//! columns of all tables to know. So some that BigQuery refuses pass here, and none is refused that it takes.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::{
    ast::{
        BinaryOperator, Expr, FunctionArguments, Join, JoinConstraint, JoinOperator, Query,
        SetExpr, Statement, TableFactor, TableWithJoins, Visit, Visitor,
    },
    dialect::BigQueryDialect,
    parser::Parser,
};

use super::Rule;

/// The first rule that a statement breaks by its subqueries and joins; `None` as the error: it cannot be
/// read, as texts of DuckDB's dialect cannot.
pub fn judge(text: &str) -> Result<Option<Rule>, Unreadable> {
    let statements = Parser::parse_sql(&BigQueryDialect {}, text).map_err(|_| Unreadable)?;
    let mut judge = Judge { names: names_of(&statements) };
    if let ControlFlow::Break(rule) = statements.visit(&mut judge) {
        return Ok(Some(rule));
    }
    let merges = statements.iter().filter_map(|statement| match statement {
        Statement::Merge(merge) => Some(&merge.clauses),
        _ => None,
    });
    Ok(merges.flatten().any(has_subquery).then_some(Rule::SubqueryInMerge))
}

/// A text that is no GoogleSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

struct Judge {
    /// All tables of the statement, by the names that columns are called with.
    names: BTreeSet<String>,
}

impl Visitor for Judge {
    type Break = Rule;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Rule> {
        let mut selects = Vec::new();
        selects_of(&query.body, &mut selects);
        for from in selects {
            for join in from.iter().flat_map(|tables| &tables.joins) {
                judge_join(join)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Rule> {
        let (query, is_a_test) = match expr {
            Expr::Subquery(query) => (query, false),
            Expr::Exists { subquery, .. } | Expr::InSubquery { subquery, .. } => (subquery, true),
            // `array(select …)`
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(query) => (query, false),
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        if self.can_be_joined(query, is_a_test) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(Rule::CorrelatedSubquery)
        }
    }
}

impl Judge {
    /// Whether a subquery names nothing outside, reads no table, or is a join by equality: its columns equal
    /// to outside ones. A test for rows may have conditions besides.
    fn can_be_joined(&self, query: &Query, is_a_test: bool) -> bool {
        let own = names_of(query);
        let outside: BTreeSet<&str> = self.names.difference(&own).map(String::as_str).collect();
        // How many columns are named, of outside and in all.
        let counts = |columns: Columns| {
            let outer = columns.qualifiers.iter().filter(|name| outside.contains(name.as_str()));
            (outer.count(), columns.qualifiers.len() + columns.bare_count)
        };
        let (outer_count, _) = counts(columns_of(query));
        if outer_count == 0 || !reads_a_table(query) {
            return true;
        }
        let SetExpr::Select(select) = &*query.body else { return false };
        if query.limit_clause.is_some() || query.fetch.is_some() {
            return false;
        }
        let is_equality = |condition: &&Expr| {
            let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else {
                return false;
            };
            let is_one_sided = |inner: (usize, usize), outer: (usize, usize)| {
                inner.0 == 0 && inner.1 > 0 && outer.0 > 0 && outer.0 == outer.1
            };
            let (left, right) = (counts(columns_of(left)), counts(columns_of(right)));
            is_one_sided(left, right) || is_one_sided(right, left)
        };
        let conditions = select.selection.as_ref().map(conjuncts).unwrap_or_default();
        let equal: Vec<&Expr> = conditions.into_iter().filter(is_equality).collect();
        let in_equalities: usize =
            equal.iter().map(|condition| counts(columns_of(*condition)).0).sum();
        !equal.is_empty() && (is_a_test || in_equalities == outer_count)
    }
}

fn judge_join(join: &Join) -> ControlFlow<Rule> {
    let (constraint, is_outer) = match &join.join_operator {
        JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on) => (on, true),
        JoinOperator::Join(on) | JoinOperator::Inner(on) => (on, false),
        _ => return ControlFlow::Continue(()),
    };
    let JoinConstraint::On(on) = constraint else { return ControlFlow::Continue(()) };
    if has_subquery(on) {
        return ControlFlow::Break(Rule::SubqueryInJoin);
    }
    // The elements of an array are of the row that they are joined to.
    let is_of_table = !matches!(join.relation, TableFactor::UNNEST { .. });
    let compares = |condition: &&Expr| {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else {
            return false;
        };
        let [left, right] = [left, right].map(columns_of);
        !left.is_constant() && !right.is_constant() && left.qualifiers != right.qualifiers
    };
    if is_outer && is_of_table && !conjuncts(on).iter().any(compares) {
        return ControlFlow::Break(Rule::OuterJoinWithoutEquality);
    }
    ControlFlow::Continue(())
}

/// The FROM of each SELECT of a body.
fn selects_of<'a>(body: &'a SetExpr, found: &mut Vec<&'a [TableWithJoins]>) {
    match body {
        SetExpr::Select(select) => found.push(&select.from),
        SetExpr::SetOperation { left, right, .. } => {
            selects_of(left, found);
            selects_of(right, found);
        }
        // Queries in parentheses are visited for themselves.
        _ => {}
    }
}

fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Nested(inner) => conjuncts(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other],
    }
}

fn reads_a_table(query: &Query) -> bool {
    !tables_of(query).is_empty()
}

/// The names by which columns of the tables in here are called, of subqueries too.
fn names_of(node: &impl Visit) -> BTreeSet<String> {
    let mut tables = Tables::default();
    let _ = node.visit(&mut tables);
    tables.names
}

fn tables_of(node: &impl Visit) -> Vec<String> {
    let mut tables = Tables::default();
    let _ = node.visit(&mut tables);
    tables.read
}

/// Tables in a FROM, and the target of a statement.
#[derive(Default)]
struct Tables {
    names: BTreeSet<String>,
    read: Vec<String>,
}

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let alias = match factor {
            TableFactor::Table { name, alias, .. } => {
                let last = name.0.last().and_then(|part| part.as_ident());
                self.read.push(name.to_string());
                self.names.extend(last.filter(|_| alias.is_none()).map(|i| i.value.to_lowercase()));
                alias
            }
            TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => alias,
            _ => &None,
        };
        self.names.extend(alias.iter().map(|alias| alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }
}

fn columns_of(node: &impl Visit) -> Columns {
    let mut columns = Columns::default();
    let _ = node.visit(&mut columns);
    columns
}

/// The columns that are named.
#[derive(Default)]
struct Columns {
    /// What stands before the first dot, once for each column.
    qualifiers: Vec<String>,
    /// Columns without a name before them.
    bare_count: usize,
}

impl Columns {
    fn is_constant(&self) -> bool {
        self.qualifiers.is_empty() && self.bare_count == 0
    }
}

impl Visitor for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(_) => self.bare_count += 1,
            Expr::CompoundIdentifier(parts) => {
                self.qualifiers.extend(parts.first().map(|part| part.value.to_lowercase()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a query stands in here.
fn has_subquery(node: &impl Visit) -> bool {
    struct Found;
    impl Visitor for Found {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if reads_a_table(query) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    node.visit(&mut Found).is_break()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(text: &str, expected: Option<Rule>) {
        assert_eq!(judge(text), Ok(expected), "{text}");
    }

    #[test]
    fn a_subquery_that_is_a_join_by_equality_is_taken() {
        is("select (select count(*) from a.b as b where b.k = c.k) as n from a.c as c", None);
        is(
            "select 1 from a.c as c where exists (select 1 from a.b as b where b.k = c.k and b.at < c.at)",
            None,
        );
        is("select (select max(x) from a.b) as n from a.c as c", None);
        is(
            "select (select max(x) from unnest(c.list) as x where x < c.most) as n from a.c as c",
            None,
        );
        is("select k from a.c where k in (select k from new_rows)", None);
    }

    #[test]
    fn a_subquery_that_is_no_join_by_equality_is_refused() {
        let refused = Some(Rule::CorrelatedSubquery);
        is("select (select max(x) from a.b as b where b.at < c.at) as n from a.c as c", refused);
        is(
            "select (select max(x) from a.b as b where b.k = c.k and b.at < c.at) as n from a.c as c",
            refused,
        );
        is(
            "select (select x from a.b as b where b.k = c.k order by b.at limit 1) as n from a.c as c",
            refused,
        );
        is(
            "select 1 from a.c as c where exists (select 1 from a.b as b where b.at < c.at)",
            refused,
        );
        is(
            "select 1 from a.c as c where exists (select 1 from a.b as b where b.k = c.k union all select 1 from a.d)",
            refused,
        );
        is("delete from a.c as c where exists (select 1 from a.b as b where b.at < c.at)", refused);
    }

    #[test]
    fn an_outer_join_needs_an_equality_and_an_on_takes_no_subquery() {
        let by = |on: &str| format!("select 1 from a.b as b left join a.c as c on {on}");
        is(&by("c.k = b.k and c.at < b.at"), None);
        is(&by("c.at < b.at"), Some(Rule::OuterJoinWithoutEquality));
        is(&by("c.k = 1"), Some(Rule::OuterJoinWithoutEquality));
        is(&by("c.k = b.k and c.at in (select at from a.d)"), Some(Rule::SubqueryInJoin));
        is("select 1 from a.b as b join a.c as c on c.at < b.at", None);
        is("select 1 from a.b as b left join unnest(b.list) as x on x > 1", None);
    }

    #[test]
    fn a_merge_takes_no_subquery_in_its_clauses() {
        let merge = |value: &str| {
            format!(
                "merge into a.b as target using new_rows as source on target.k = source.k \
                 when matched and (source.v < target.v) then update set v = {value}"
            )
        };
        is(&merge("source.v"), None);
        is(&merge("(select max(v) from a.c)"), Some(Rule::SubqueryInMerge));
    }

    #[test]
    fn a_text_of_duckdb_is_not_read() {
        let raw = "select k from read_parquet(['x'], hive_types = {'load_date': date})";
        assert_eq!(judge(raw), Err(Unreadable));
    }
}
