//! The relations of a FROM: what they are called, which columns they have and which are needed.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins,
};

use super::{Annotator, Breadth, NOTHING, Positions, ROW_BITS, Unfollowed, WHY};

/// One table, common table expression or subquery of a FROM.
pub struct Relation<'q> {
    /// What columns are qualified with.
    pub alias: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Those that are needed.
    pub live: Positions,
    /// Whether its rows add to where a row comes from.
    pub is_followed: bool,
    factor: &'q TableFactor,
    /// The join that brings it in; `None` for the first of a FROM's items.
    join: Option<&'q Join>,
}

impl Relation<'_> {
    /// Whether a name means a column of it, and which.
    fn position(&self, path: &[String]) -> Option<usize> {
        let at = |name: &String| self.columns.iter().position(|column| column == name);
        match path {
            [alias, name, ..] if *alias == self.alias => at(name),
            // `event.event_id` may be a field of the column `event`.
            [name, ..] => at(name),
            [] => None,
        }
    }

    /// Whether rows are there without it.
    fn is_optional(&self) -> bool {
        let operator = self.join.map(|join| &join.join_operator);
        matches!(operator, Some(JoinOperator::Left(_) | JoinOperator::LeftOuter(_)))
    }

    fn constraint(&self) -> Option<&JoinConstraint> {
        match &self.join?.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint) => Some(constraint),
            _ => None,
        }
    }

    /// The condition by which it is joined.
    pub fn condition(&self) -> Option<&Expr> {
        match self.constraint() {
            Some(JoinConstraint::On(condition)) => Some(condition),
            _ => None,
        }
    }

    /// The columns by whose names it is joined.
    fn using(&self) -> Vec<String> {
        match self.constraint() {
            Some(JoinConstraint::Using(names)) => {
                names.iter().map(|name| name.to_string().to_lowercase()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Marks the columns that these names mean. A left join of which no column is needed is not
/// followed; `paths` are the names in the other clauses.
pub fn mark(
    relations: &mut [Relation<'_>],
    mut paths: Vec<Vec<String>>,
    breadth: Breadth,
) -> Result<(), Unfollowed> {
    for at in (0..relations.len()).rev() {
        let relation = &mut relations[at];
        let is_needed = paths.iter().any(|path| relation.position(path).is_some());
        if relation.is_optional() && !is_needed && breadth != Breadth::Whole {
            relation.is_followed = false;
            continue;
        }
        if matches!(relation.constraint(), Some(JoinConstraint::Natural)) {
            return Err(Unfollowed::Form("a natural join"));
        }
        paths.extend(super::names::Named::by(relation.condition()).columns);
        paths.extend(relation.using().into_iter().map(|name| vec![name]));
    }
    for relation in relations {
        let found: BTreeSet<usize> =
            paths.iter().filter_map(|path| relation.position(path)).collect();
        relation.live.extend(found);
    }
    Ok(())
}

impl Annotator<'_> {
    /// The relations of a FROM, none of their columns needed yet.
    pub(super) fn relations<'q>(
        &mut self,
        from: &'q [TableWithJoins],
    ) -> Result<Vec<Relation<'q>>, Unfollowed> {
        let mut relations = Vec::new();
        for item in from {
            relations.push(self.relation(&item.relation, None)?);
            for join in &item.joins {
                relations.push(self.relation(&join.relation, Some(join))?);
            }
        }
        Ok(relations)
    }

    fn relation<'q>(
        &mut self,
        factor: &'q TableFactor,
        join: Option<&'q Join>,
    ) -> Result<Relation<'q>, Unfollowed> {
        let (alias, columns, is_followed) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let name = name.to_string().to_lowercase();
                let own_name = name.rsplit('.').next().unwrap_or_default().to_owned();
                (alias_or(alias.as_ref(), own_name)?, self.columns_of_table(&name)?, true)
            }
            TableFactor::Derived { subquery, alias, lateral: false, .. } => {
                self.derived_count += 1;
                let own_name = format!("derived_{}", self.derived_count);
                let columns = self.columns_of_query(subquery)?;
                (alias_or(alias.as_ref(), own_name)?, columns, true)
            }
            TableFactor::UNNEST { alias: Some(alias), with_offset: false, .. } => {
                let name = alias.name.value.to_lowercase();
                (name.clone(), vec![name], false)
            }
            _ => return Err(Unfollowed::Form("this kind of relation")),
        };
        Ok(Relation { alias, columns, live: Positions::new(), is_followed, factor, join })
    }

    fn columns_of_table(&self, name: &str) -> Result<Vec<String>, Unfollowed> {
        if let Some(known) = self.known.iter().rev().find(|known| known.name == name) {
            return Ok(known.columns.clone());
        }
        let table = self.tables.get(name);
        table.map(|t| t.columns.clone()).ok_or_else(|| Unfollowed::Name(name.to_owned()))
    }

    /// The text of a FROM.
    pub(super) fn from(&mut self, relations: &[Relation<'_>]) -> Result<String, Unfollowed> {
        let mut text = String::new();
        for relation in relations {
            let rows = self.rows(relation)?;
            let Some(join) = relation.join else {
                text.push_str(if text.is_empty() { "\nfrom " } else { ", " });
                text.push_str(&rows);
                continue;
            };
            let keyword = match &join.join_operator {
                JoinOperator::Join(_) | JoinOperator::Inner(_) => "join",
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => "left join",
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => "right join",
                JoinOperator::FullOuter(_) => "full join",
                JoinOperator::CrossJoin(_) => "cross join",
                _ => return Err(Unfollowed::Form("this kind of join")),
            };
            let condition = match relation.constraint() {
                Some(JoinConstraint::On(condition)) => format!(" on {condition}"),
                Some(JoinConstraint::Using(_)) => {
                    format!(" using ({})", relation.using().join(", "))
                }
                _ => String::new(),
            };
            text = format!("{text}\n{keyword} {rows}{condition}");
        }
        Ok(text)
    }

    fn rows(&mut self, relation: &Relation<'_>) -> Result<String, Unfollowed> {
        let alias = &relation.alias;
        match relation.factor {
            TableFactor::Table { name, .. } => {
                let name = name.to_string().to_lowercase();
                let known = self.known.iter_mut().rev().find(|known| known.name == name);
                let Some(known) = known else { return self.numbered(&name, relation) };
                known.live.extend(&relation.live);
                Ok(format!("{name} as {alias}"))
            }
            TableFactor::Derived { subquery, .. } => {
                Ok(format!("(\n{}\n) as {alias}", self.query(subquery, &relation.live)?))
            }
            other => Ok(other.to_string()),
        }
    }

    /// A table whose rows have their numbers.
    fn numbered(&mut self, name: &str, relation: &Relation<'_>) -> Result<String, Unfollowed> {
        let alias = &relation.alias;
        if name == self.own {
            return Ok(format!(
                "(select *, {NOTHING} as {WHY} from {name} where false) as {alias}"
            ));
        }
        let unknown = || Unfollowed::Name(name.to_owned());
        let table = self.tables.get(name).ok_or_else(unknown)?;
        let input = self.inputs.iter().position(|input| input == name).ok_or_else(unknown)?;
        let first = u64::try_from(input).unwrap_or_default() << ROW_BITS;
        let needed = self.needed.entry(name.to_owned()).or_default();
        needed.extend(relation.live.iter().map(|at| relation.columns[*at].clone()));
        let number = format!("cast({first} + ({}) as ubigint)", table.row_number);
        Ok(format!("(select *, [{number}] as {WHY} from {name}) as {alias}"))
    }
}

fn alias_or(alias: Option<&TableAlias>, own_name: String) -> Result<String, Unfollowed> {
    match alias {
        Some(alias) if !alias.columns.is_empty() => {
            Err(Unfollowed::Form("a list of columns behind an alias"))
        }
        Some(alias) => Ok(alias.name.value.to_lowercase()),
        None => Ok(own_name),
    }
}
