//! A SELECT that says where each of its rows comes from.

use sqlparser::ast::{Expr, Function, GroupByExpr, Select, SelectItem, Value, Visit};

use super::{
    Annotator, Breadth, NOTHING, Positions, Unfollowed, WHY, calls,
    from::{self, Relation},
    names::Named,
    wildcard_table,
};

/// A column of the result.
pub struct Output<'q> {
    /// Its name; empty for an expression without one.
    pub name: String,
    /// The expression; `None` for a column of `*`.
    expression: Option<&'q Expr>,
    /// Of a column of `*`: the name with that of its relation.
    path: Vec<String>,
}

/// The columns of a SELECT over these relations.
pub fn outputs<'q>(
    select: &'q Select,
    relations: &[Relation<'_>],
) -> Result<Vec<Output<'q>>, Unfollowed> {
    let mut outputs = Vec::new();
    for item in &select.projection {
        let (name, expression) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (alias.value.to_lowercase(), expr),
            SelectItem::UnnamedExpr(expr) => (own_name(expr), expr),
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                let table = wildcard_table(item);
                let is_meant = |relation: &&Relation<'_>| {
                    table.as_ref().is_none_or(|table| *table == relation.alias)
                };
                for relation in relations.iter().filter(is_meant) {
                    outputs.extend(relation.columns.iter().map(|name| Output {
                        name: name.clone(),
                        expression: None,
                        path: vec![relation.alias.clone(), name.clone()],
                    }));
                }
                continue;
            }
            SelectItem::ExprWithAliases { .. } => {
                return Err(Unfollowed::Form("several aliases of one expression"));
            }
        };
        outputs.push(Output { name, expression: Some(expression), path: Vec::new() });
    }
    Ok(outputs)
}

fn own_name(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(name) => name.value.to_lowercase(),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map(|part| part.value.to_lowercase()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl Annotator<'_> {
    /// A SELECT of which the columns at `live` are needed.
    pub(super) fn select(
        &mut self,
        select: &Select,
        live: &Positions,
    ) -> Result<String, Unfollowed> {
        let mut relations = self.relations(&select.from)?;
        let outputs = outputs(select, &relations)?;
        let is_distinct = select.distinct.is_some();
        let is_live = |at: usize| {
            // Rows are equal by all of their columns.
            is_distinct || live.contains(&at)
        };
        let live: Vec<&Output<'_>> =
            outputs.iter().enumerate().filter(|(at, _)| is_live(*at)).map(|(_, o)| o).collect();
        let shown: Vec<&Expr> = live.iter().filter_map(|output| output.expression).collect();
        let all = outputs.iter().filter_map(|output| output.expression);
        let mut named = Named::by(
            shown
                .iter()
                .copied()
                .chain(&select.selection)
                .chain(&select.having)
                .chain(&select.qualify),
        );
        for window in &select.named_window {
            let _ = window.visit(&mut named);
        }
        named.columns.extend(live.iter().map(|output| output.path.clone()));
        named.columns.extend(group_columns(select, &outputs)?);
        spell_out_aliases(&mut named, &outputs);
        from::mark(&mut relations, named.columns, self.breadth)?;

        let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
            || Named::by(all).calls.iter().any(calls::is_aggregate)
            || named.calls.iter().any(calls::is_aggregate);
        let row_why = self.row_why(select, &relations, &shown, is_grouped)?;
        let why = self.why(select, &row_why, &named.calls, is_grouped);
        let rows = self.text(select, &relations, &why)?;
        Ok(if is_distinct { self.distinct(&rows) } else { rows })
    }

    /// Where a row of the FROM comes from.
    fn row_why(
        &mut self,
        select: &Select,
        relations: &[Relation<'_>],
        shown: &[&Expr],
        is_grouped: bool,
    ) -> Result<String, Unfollowed> {
        let followed = relations.iter().filter(|relation| relation.is_followed);
        let mut parts: Vec<String> =
            followed.clone().map(|relation| format!("{}.{WHY}", relation.alias)).collect();
        let conditions = followed.filter_map(Relation::condition).chain(&select.selection);
        let mut subqueries = Named::by(conditions).subqueries;
        let outside = Named::by(shown.iter().copied().chain(&select.having).chain(&select.qualify));
        if is_grouped && !outside.subqueries.is_empty() {
            return Err(Unfollowed::Form("a subquery over groups"));
        }
        subqueries.extend(outside.subqueries);
        for subquery in &subqueries {
            parts.push(self.subquery_why(subquery)?);
        }
        Ok(together(parts))
    }

    /// Where a row of the result comes from.
    fn why(&self, select: &Select, row_why: &str, named: &[Function], is_grouped: bool) -> String {
        let own =
            if is_grouped { self.whole_group_why(row_why, named) } else { row_why.to_owned() };
        let is_first = |call: &&Function| {
            select.qualify.as_ref().is_some_and(|qualify| calls::is_first(qualify, call))
        };
        let windows = named.iter().filter(|call| !is_first(call));
        let of_windows: Vec<String> =
            windows.filter_map(|call| calls::window_why(call, &own, self.breadth)).collect();
        together(std::iter::once(own).chain(of_windows).collect())
    }

    /// Where the row of a group comes from, of which these calls are needed.
    fn whole_group_why(&self, row_why: &str, named: &[Function]) -> String {
        let is_there = self.group_why(row_why);
        if self.breadth == Breadth::Whole {
            return is_there;
        }
        let aggregates = named.iter().filter(|call| calls::is_aggregate(call));
        let mut parts: Vec<String> =
            aggregates.map(|call| calls::aggregate_why(call, row_why)).collect();
        // Whoever looks for all rows that do equally well asks what the values come from; that the
        // group is there at all, only if nothing else is asked.
        if self.breadth == Breadth::Columns || parts.is_empty() {
            parts.insert(0, is_there);
        }
        together(parts)
    }

    fn subquery_why(&mut self, subquery: &Expr) -> Result<String, Unfollowed> {
        let (query, condition) = match subquery {
            Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => (subquery, None),
            Expr::InSubquery { expr, subquery, .. } => (subquery, Some(expr)),
            _ => return Err(Unfollowed::Form("this kind of subquery")),
        };
        let columns = self.columns_of_query(query)?;
        let rows = self.query(query, &(0..columns.len()).collect())?;
        let all = calls::all_of(&format!("within.{WHY}"));
        Ok(match condition {
            Some(value) => format!(
                "(select {all} from (\n{rows}\n) as within (value, {WHY}) where within.value = {value})"
            ),
            None => format!("(select {all} from (\n{rows}\n) as within)"),
        })
    }

    fn text(
        &mut self,
        select: &Select,
        relations: &[Relation<'_>],
        why: &str,
    ) -> Result<String, Unfollowed> {
        let item = |item: &SelectItem| match item {
            SelectItem::Wildcard(_) => format!("* exclude ({WHY})"),
            SelectItem::QualifiedWildcard(..) => format!("{item} exclude ({WHY})"),
            other => other.to_string(),
        };
        let items: Vec<String> = select.projection.iter().map(item).collect();
        let mut text = format!("select {}, {why} as {WHY}", items.join(", "));
        text.push_str(&self.from(relations)?);
        let mut clause = |keyword: &str, what: Option<String>| {
            if let Some(what) = what {
                text = format!("{text}\n{keyword}{what}");
            }
        };
        clause("where ", select.selection.as_ref().map(ToString::to_string));
        let is_plain = matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
        clause("", (!is_plain).then(|| select.group_by.to_string()));
        clause("having ", select.having.as_ref().map(ToString::to_string));
        let windows: Vec<String> = select.named_window.iter().map(ToString::to_string).collect();
        clause("window ", (!windows.is_empty()).then(|| windows.join(", ")));
        clause("qualify ", select.qualify.as_ref().map(ToString::to_string));
        Ok(text)
    }
}

/// Lists as one; one that is NULL adds nothing.
fn together(parts: Vec<String>) -> String {
    let mut once: Vec<String> = Vec::new();
    for part in parts {
        if !once.contains(&part) {
            once.push(part);
        }
    }
    match once.as_slice() {
        [] => NOTHING.to_owned(),
        [one] => one.clone(),
        several => format!("list_concat({})", several.join(", ")),
    }
}

/// The names in GROUP BY; a position means a column of the result.
fn group_columns(select: &Select, outputs: &[Output<'_>]) -> Result<Vec<Vec<String>>, Unfollowed> {
    let GroupByExpr::Expressions(expressions, modifiers) = &select.group_by else {
        // Every column without an aggregate.
        let plain = outputs.iter().filter_map(|output| output.expression);
        let plain = plain.filter(|e| !Named::by([*e]).calls.iter().any(calls::is_aggregate));
        return Ok(Named::by(plain).columns);
    };
    if !modifiers.is_empty() {
        return Err(Unfollowed::Form("a modifier of GROUP BY"));
    }
    let mut columns = Vec::new();
    for expression in expressions {
        let position = match expression {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => digits.parse::<usize>().ok(),
                _ => None,
            },
            _ => None,
        };
        let output = position.and_then(|at| outputs.get(at.checked_sub(1)?));
        match output.map(|output| (output.expression, &output.path)) {
            Some((Some(expression), _)) => columns.extend(Named::by([expression]).columns),
            Some((None, path)) => columns.push(path.clone()),
            None => columns.extend(Named::by([expression]).columns),
        }
    }
    Ok(columns)
}

/// A name may be that of a column of the result: then what stands behind it is named too.
fn spell_out_aliases(named: &mut Named, outputs: &[Output<'_>]) {
    let is_named = |output: &&Output<'_>| {
        named.columns.iter().any(|path| path.len() == 1 && path[0] == output.name)
    };
    let behind: Vec<&Expr> =
        outputs.iter().filter(is_named).filter_map(|output| output.expression).collect();
    let behind = Named::by(behind);
    named.columns.extend(behind.columns);
    named.calls.extend(
        behind.calls.into_iter().filter(|call| call.over.is_some() || calls::is_aggregate(call)),
    );
}
