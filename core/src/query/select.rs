//! A SELECT: its clauses in the order in which they happen.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, NamedWindowExpr, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::{
    extent::Extent,
    group::Grouping,
    reads::Filter,
    relation::{Column, Columns, Origin, Relation, project},
    scope::{Scope, ScopeTable},
    value::Value,
    walk::Walk,
};
use crate::rules::{literals, names, shape};

/// A column of the result.
struct Output<'e> {
    name: String,
    value: Value,
    /// The expression; `None` for a column of `*`.
    expr: Option<&'e Expr>,
}

impl Walk<'_> {
    /// The rows of a SELECT; `query` has its ORDER BY and LIMIT.
    pub fn select(
        &mut self,
        select: &Select,
        query: &Query,
        parent: Option<&Scope<'_>>,
    ) -> Relation {
        self.outside_of_select(select);
        let mut scope = Scope::inside(parent);
        let mut filters = self.from(&select.from, &mut scope);
        for named in &select.named_window {
            if let NamedWindowExpr::WindowSpec(spec) = &named.1 {
                scope.windows.insert(named.0.value.to_lowercase(), spec.clone());
            }
        }
        if let Some(condition) = &select.selection {
            let value = self.condition(condition, &scope);
            self.no_aggregate(&value, condition, "WHERE");
            self.assume(condition, &mut scope);
            scope.rows.deciding.add(&value.lineage);
            filters.push(Filter { condition, first_table: 0 });
        }
        self.table_reads(&scope, &filters);
        let mut outputs = self.outputs(select, &scope);
        let ungrouped = scope.rows.clone();
        let grouping = self.grouping(select, &mut scope, &outputs_by_alias(&outputs));
        let is_grouped = grouping.is_some();
        for (name, value) in outputs_by_alias(&outputs) {
            scope.aliases.insert(name, value);
        }
        let is_aggregated = is_grouped || outputs.iter().any(|output| output.value.has_aggregate);
        // Windows see the rows before QUALIFY: what it leaves is no reason that their order has no ties.
        let mut windowed = scope.rows.clone();
        self.having_and_qualify(select, &mut scope, is_aggregated);
        let is_distinct = select.distinct.is_some();
        let mut group = Columns::new();
        if is_aggregated {
            let grouping = grouping.unwrap_or_default();
            for output in &mut outputs {
                if let Some(expr) = output.expr {
                    self.grouped(expr, &grouping, &scope);
                }
                grouping.place(&mut output.value, output.expr);
            }
            grouping.determine(&mut scope.rows);
            grouping.determine(&mut windowed);
            group = grouping.columns;
        }
        self.ties(&scope, &windowed, (&ungrouped, &group), is_distinct);
        let values: Vec<Value> = outputs.iter().map(|output| output.value.clone()).collect();
        let needed = values.iter().flat_map(|value| value.columns.iter().copied()).collect();
        let order = self.order_and_limit(query, &scope, &values, &needed);
        // Those of ORDER BY.
        self.ties(&scope, &windowed, (&ungrouped, &group), is_distinct);
        let mut rows = result(&scope, outputs);
        rows.deciding.add(&order);
        if select.distinct.is_some() {
            rows.keys.push(rows.all());
            rows.all_decide();
        }
        rows
    }

    /// HAVING and QUALIFY. A window numbers the rows that HAVING leaves.
    fn having_and_qualify(&mut self, select: &Select, scope: &mut Scope<'_>, is_aggregated: bool) {
        if let Some(condition) = &select.having {
            let value = self.condition(condition, scope);
            scope.rows.deciding.add(&value.lineage);
        }
        let Some(condition) = &select.qualify else { return };
        let value = self.condition(condition, scope);
        self.assume(condition, scope);
        scope.rows.deciding.add(&value.lineage);
        let has_clause = select.selection.is_some() || is_aggregated || select.having.is_some();
        if !has_clause {
            let message = "QUALIFY without WHERE, GROUP BY or HAVING".to_owned();
            let place = self.source.with_keyword("qualify", condition);
            self.report(&shape::QUALIFY_ALONE, place, message);
        }
    }

    fn outside_of_select(&mut self, select: &Select) {
        let place = || self.source.range(select.select_token.0.span);
        let found = [
            (matches!(select.distinct, Some(Distinct::On(_))), "DISTINCT ON"),
            (select.top.is_some(), "TOP"),
            (select.into.is_some(), "INTO"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (select.value_table_mode.is_some(), "SELECT AS STRUCT"),
            (select.select_modifiers.is_some(), "a modifier of SELECT"),
            (select.exclude.is_some(), "EXCLUDE"),
        ];
        for (_, clause) in found.into_iter().filter(|(is_there, _)| *is_there) {
            let message = format!("{clause} is outside of the portable subset");
            self.report(&shape::CLAUSE, place(), message);
        }
    }

    fn no_aggregate(&mut self, value: &Value, expr: &Expr, clause: &str) {
        if value.has_aggregate {
            let message = format!("an aggregate in {clause}");
            self.report(&shape::NESTED_AGGREGATE, self.source.place(expr), message);
        }
    }

    fn outputs<'e>(&mut self, select: &'e Select, scope: &Scope<'_>) -> Vec<Output<'e>> {
        let mut outputs = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let value = self.expression(expr, scope);
                    outputs.push(Output { name: own_name(expr), value, expr: Some(expr) });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    self.new_name(alias);
                    let value = self.expression(expr, scope);
                    let name = alias.value.to_lowercase();
                    outputs.push(Output { name, value, expr: Some(expr) });
                }
                SelectItem::Wildcard(options) => {
                    self.star(options);
                    self.all_columns(scope, None, &mut outputs, options);
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    self.star(options);
                    let table = match kind {
                        SelectItemQualifiedWildcardKind::ObjectName(name) => name.to_string(),
                        SelectItemQualifiedWildcardKind::Expr(_) => String::new(),
                    };
                    self.all_columns(scope, Some(&table.to_lowercase()), &mut outputs, options);
                }
                SelectItem::ExprWithAliases { expr, .. } => {
                    let message = "several aliases of one expression".to_owned();
                    self.report(&shape::CLAUSE, self.source.place(expr), message);
                }
            }
        }
        outputs
    }

    fn star(&mut self, options: &WildcardAdditionalOptions) {
        let is_plain = options.opt_ilike.is_none()
            && options.opt_exclude.is_none()
            && options.opt_except.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none();
        if !is_plain {
            let message = "`*` with EXCEPT, REPLACE or the like".to_owned();
            let place = self.source.range(options.wildcard_token.0.span);
            self.report(&literals::STAR_EXCEPT, place, message);
        }
    }

    fn all_columns(
        &mut self,
        scope: &Scope<'_>,
        table: Option<&str>,
        outputs: &mut Vec<Output<'_>>,
        options: &WildcardAdditionalOptions,
    ) {
        let tables: Vec<&ScopeTable> = scope
            .tables
            .iter()
            .filter(|known| table.is_none_or(|name| known.alias == name))
            .collect();
        if let (Some(name), []) = (table, tables.as_slice()) {
            let message = format!("there is no table `{name}` in this FROM");
            let place = self.source.range(options.wildcard_token.0.span);
            self.report(&names::UNKNOWN_TABLE, place, message);
        }
        for at in tables.iter().flat_map(|table| table.columns.clone()) {
            let column = &scope.rows.columns[at];
            let merged = scope.merged.get(&column.name);
            if table.is_none() && merged.is_some_and(|kept| *kept != at) {
                continue;
            }
            scope.used.borrow_mut().insert(at);
            let value = Value::of_column(at, column);
            outputs.push(Output { name: column.name.clone(), value, expr: None });
        }
    }

    /// The GROUP BY, if there is one.
    fn grouping(
        &mut self,
        select: &Select,
        scope: &mut Scope<'_>,
        aliases: &[(String, Value)],
    ) -> Option<Grouping> {
        match &select.group_by {
            GroupByExpr::All(_) => {
                let mut grouping = Grouping::default();
                for item in &select.projection {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } =
                        item
                    {
                        let value = self.again(expr, scope);
                        if !value.has_aggregate {
                            grouping.add(expr, &value, &mut scope.rows);
                        }
                    }
                }
                Some(grouping)
            }
            GroupByExpr::Expressions(items, _) if items.is_empty() => None,
            GroupByExpr::Expressions(items, _) => {
                let mut grouping = Grouping::default();
                for item in items {
                    self.group_item(item, select, scope, aliases, &mut grouping);
                }
                Some(grouping)
            }
        }
    }

    fn group_item(
        &mut self,
        item: &Expr,
        select: &Select,
        scope: &mut Scope<'_>,
        aliases: &[(String, Value)],
        grouping: &mut Grouping,
    ) {
        let sets = match item {
            Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => sets,
            Expr::Nested(inner) => return self.group_item(inner, select, scope, aliases, grouping),
            _ => {
                let alias = match item {
                    Expr::Identifier(name) => {
                        let name = name.value.to_lowercase();
                        aliases.iter().find(|(alias, _)| *alias == name).cloned()
                    }
                    _ => None,
                };
                let own = aliased(select, item);
                if let Some((name, value)) = alias {
                    self.shadowed(item, &name, &value, scope);
                    grouping.add(own.unwrap_or(item), &value, &mut scope.rows);
                } else if let Some(at) = group_position(item, select.projection.len()) {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } =
                        &select.projection[at]
                    {
                        let value = self.again(expr, scope);
                        grouping.add(expr, &value, &mut scope.rows);
                    }
                } else {
                    let value = self.expression(item, scope);
                    self.no_aggregate(&value, item, "GROUP BY");
                    grouping.add(item, &value, &mut scope.rows);
                }
                return;
            }
        };
        grouping.is_partial = true;
        for item in sets.iter().flatten() {
            self.group_item(item, select, scope, aliases, grouping);
        }
    }

    /// An alias that hides a column of the FROM: DuckDB groups by the column, GoogleSQL by the alias.
    fn shadowed(&mut self, item: &Expr, name: &str, value: &Value, scope: &Scope<'_>) {
        let Some(at) = scope.has_column(name) else { return };
        let is_that_column = value.tells_apart && value.columns == [at].into();
        if !is_that_column {
            let message = format!("`{name}` is an alias and a column");
            self.report(&shape::SHADOWED_GROUP, self.source.place(item), message);
        }
    }
}

/// The expression that an alias of the SELECT stands for.
fn aliased<'e>(select: &'e Select, item: &Expr) -> Option<&'e Expr> {
    let Expr::Identifier(name) = item else { return None };
    select.projection.iter().find_map(|output| match output {
        SelectItem::ExprWithAlias { expr, alias }
            if alias.value.eq_ignore_ascii_case(&name.value) =>
        {
            Some(expr)
        }
        _ => None,
    })
}

fn group_position(item: &Expr, count: usize) -> Option<usize> {
    let Expr::Value(value) = item else { return None };
    let sqlparser::ast::Value::Number(digits, _) = &value.value else { return None };
    digits.parse::<usize>().ok().filter(|n| (1..=count).contains(n)).map(|n| n - 1)
}

fn outputs_by_alias(outputs: &[Output<'_>]) -> Vec<(String, Value)> {
    let named = outputs.iter().filter(|output| output.expr.is_some() && !output.name.is_empty());
    named.map(|output| (output.name.clone(), output.value.clone())).collect()
}

/// A column keeps its name, a field its last one; other expressions have none.
fn own_name(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.to_lowercase(),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map(|part| part.value.to_lowercase()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn result(scope: &Scope<'_>, outputs: Vec<Output<'_>>) -> Relation {
    let origins: Vec<Origin> = outputs.iter().map(|output| output.value.origin()).collect();
    let column = |output: Output<'_>| {
        let rows = &scope.rows.columns;
        let is_hashed = output.value.is_determined
            && output.value.columns.iter().all(|at| rows.get(*at).is_some_and(|c| c.is_hashed));
        Column {
            may_be_null: output.value.may_be_null,
            is_hashed,
            numbers: output.value.numbers,
            next_start: output.value.next_start,
            // NULL lies nowhere.
            lineage: output.value.lineage,
            extent: if output.value.may_be_null { Extent::default() } else { output.value.extent },
            ..Column::new(output.name, output.value.kind)
        }
    };
    let columns = outputs.into_iter().map(column).collect();
    project(&scope.rows, columns, &origins)
}
