//! The recipe of each kind of build.

use jiff::civil::Date;

use super::{
    BoundSelect, Contents, Part, Recipe, Side, Step, Task,
    measure::{self, Columns},
    promises, select, statements,
};
use crate::{
    contract::BuildKind,
    dialect::Dialect,
    graph::Node,
    plan::{Snapshot, window::Window},
    sql::bind::{BindError, Literal, Parameters},
};

/// What is known of a table and of its windows before the first statement.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What its partitions hold.
    pub snapshot: Snapshot,
    /// Whether it begins anew: what it holds goes, whichever windows are built.
    pub begins_anew: bool,
    /// `@cut`, of a history.
    pub cut: Option<Literal>,
    /// For each window, the query of the rows that another engine has made of the SELECT; none: the
    /// warehouse runs the SELECT.
    pub exchanged: Vec<Option<BoundSelect>>,
    /// The journal's first sequence number; a recipe takes one for each window, and one more if the
    /// table begins anew.
    pub sequence: i64,
    /// Names the run in the journal.
    pub run_id: String,
}

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The query has a parameter without a value.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A seed's CSV is wrong.
    #[error("{0}")]
    Seed(String),
}

/// The windows of a recipe. A history that begins anew reads its own rows, which are gone by then: it
/// is built as one window from the first date to the last.
pub fn windows(node: &Node, begins_anew: bool, tasks: &[Task]) -> Vec<Task> {
    let dates = |task: &Task| match task.window {
        Window::Dates { from, to } => Some((from, to)),
        Window::Whole => None,
    };
    let (Some(first), Some(last)) =
        (tasks.iter().filter_map(dates).min(), tasks.iter().filter_map(dates).max())
    else {
        return tasks.to_vec();
    };
    if node.build() != BuildKind::History || !begins_anew {
        return tasks.to_vec();
    }
    vec![Task {
        window: Window::Dates { from: first.0, to: last.1 },
        stamps: tasks.iter().flat_map(|task| task.stamps.iter().cloned()).collect(),
        calendar: tasks[0].calendar.clone(),
    }]
}

/// The recipe of these windows of a table, all or none of which are built.
pub fn recipe(
    node: &Node,
    dialect: &dyn Dialect,
    tasks: &[Task],
    known: &Known,
) -> Result<Recipe, RecipeError> {
    let mut recipe = Recipe {
        table: node.name().clone(),
        prepare: Vec::new(),
        commit: Vec::new(),
        kept: Vec::new(),
        parts: Vec::new(),
        begins_anew: known.begins_anew,
        window_column: window_column(node).to_owned(),
        sequence: known.sequence,
        run_id: known.run_id.clone(),
        before: known.snapshot.clone(),
        is_history: node.build() == BuildKind::History,
    };
    if known.begins_anew {
        recipe.empty(node, dialect);
    }
    for (at, task) in tasks.iter().enumerate() {
        let cook = Cook { node, dialect, task, known, at };
        cook.add(&mut recipe)?;
    }
    Ok(recipe)
}

/// By what a row belongs to a window.
fn window_column(node: &Node) -> &str {
    let column = match node.build() {
        BuildKind::Delta => node.file.contract.window_by.as_deref(),
        _ => node.partition_column(),
    };
    column.unwrap_or_default()
}

impl Recipe {
    /// Takes everything away, in the transaction in which the new rows come: until it is committed,
    /// readers have the old ones.
    fn empty(&mut self, node: &Node, dialect: &dyn Dialect) {
        if self.before.misshapen.contains(node.name()) {
            let columns = &node.file.contract.columns;
            let columns: Vec<_> = columns.iter().map(|(n, c)| (n.as_str(), c)).collect();
            let name = node.name().as_str();
            self.commit.push(Step::Reshape { sql: format!("drop table {name}") });
            self.commit.push(Step::Reshape { sql: dialect.create_table(name, &columns) });
        } else {
            self.commit.push(Step::Delete { sql: statements::delete(node, "true") });
        }
        self.before = Snapshot::default();
    }
}

/// One window of one table.
struct Cook<'a> {
    node: &'a Node,
    dialect: &'a dyn Dialect,
    task: &'a Task,
    known: &'a Known,
    /// The window's position among the recipe's.
    at: usize,
}

impl Cook<'_> {
    fn add(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        match self.node.build() {
            BuildKind::Partition | BuildKind::Full | BuildKind::Seed => self.replace(recipe),
            BuildKind::Delta => self.delta(recipe),
            BuildKind::Merge => self.merge(recipe),
            BuildKind::History => self.history(recipe),
            BuildKind::View => self.view(recipe),
        }
    }

    /// The window holds the new rows and no others.
    fn replace(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let column = self.node.partition_column().filter(|_| self.task.window != Window::Whole);
        let predicate = statements::window_predicate(column, self.task.window);
        let mut part = self.part(Contents::Replaced);
        if self.task.is_empty() {
            self.delete(recipe, &predicate);
        } else {
            let kept = self.keep(recipe, &mut part)?;
            recipe.prepare.extend(kept);
            let within = column.is_some().then_some(predicate.as_str());
            recipe.prepare.push(self.measure_new(&mut part, within));
            self.delete(recipe, &predicate);
            recipe.commit.push(self.insert());
        }
        recipe.parts.push(part);
        Ok(())
    }

    /// The rows that came on the window's load dates are replaced, on whichever dates they lie.
    fn delta(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let column = self.node.partition_column().expect("the contract's form was checked");
        let window_by = self.node.file.contract.window_by.as_deref();
        let within = statements::window_predicate(window_by, self.task.window);
        let mut part = self.part(Contents::Moved);
        if !self.task.is_empty() {
            let kept = self.keep(recipe, &mut part)?;
            recipe.prepare.extend(kept);
            recipe.prepare.push(self.measure_new(&mut part, Some(&within)));
        }
        // Over the recorded dates, never over dates computed from today's constants.
        if let Some((from, to)) = self.recorded_dates(&recipe.before) {
            let dates = statements::window_predicate(Some(column), Window::Dates { from, to });
            let predicate = format!("{within} and {dates}");
            recipe.prepare.push(self.measure_old(&predicate));
            self.delete(recipe, &predicate);
        }
        if !self.task.is_empty() {
            recipe.commit.push(self.insert());
        }
        recipe.parts.push(part);
        Ok(())
    }

    /// The least and the greatest date of rows that earlier builds of the window stored.
    fn recorded_dates(&self, before: &Snapshot) -> Option<(Date, Date)> {
        let recorded = before.occupied.get(self.node.name())?;
        let dates = self.task.window.partitions().into_iter().flatten();
        let dates: Vec<(Date, Date)> =
            dates.filter_map(|load_date| recorded.get(&load_date).copied()).collect();
        let from = dates.iter().map(|(from, _)| *from).min()?;
        let to = dates.iter().map(|(_, to)| *to).max()?;
        Some((from, to))
    }

    /// Rows are merged by key, and never unmerged.
    fn merge(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let mut part = self.part(Contents::StoodFor);
        let kept = self.keep(recipe, &mut part)?;
        recipe.prepare.extend(kept);
        recipe.prepare.push(self.measure_new(&mut part, None));
        recipe.commit.push(Step::Merge { sql: statements::merge(self.node, &self.kept()) });
        recipe.parts.push(part);
        Ok(())
    }

    /// Of the touched keys, what lies at or after the cut is replaced.
    fn history(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let mut part = self.part(Contents::Moved);
        let kept = self.keep(recipe, &mut part)?;
        if self.known.begins_anew {
            // The query reads the table's own rows: it has to see that they are gone.
            recipe.commit.extend(kept);
            recipe.commit.push(self.measure_new(&mut part, None));
        } else {
            recipe.prepare.extend(kept);
            recipe.prepare.push(self.measure_new(&mut part, None));
            let cut = self.known.cut.as_ref().map(ToString::to_string).unwrap_or_default();
            let predicate = statements::history_predicate(self.node, &self.kept(), &cut);
            recipe.prepare.push(self.measure_old(&predicate));
            self.delete(recipe, &predicate);
        }
        recipe.commit.push(self.insert());
        recipe.parts.push(part);
        Ok(())
    }

    fn view(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let whole = Task { window: Window::Whole, stamps: Vec::new(), calendar: Parameters::new() };
        let bound = select::bound(self.node, whole.window, &whole.calendar, None)?;
        let sql = format!("create or replace view {} as\n{}", self.node.name(), bound.text);
        recipe.prepare.push(Step::View { sql });
        let mut part = self.part(Contents::None);
        part.select_sha256 = bound.sha256;
        recipe.parts.push(part);
        Ok(())
    }

    fn part(&self, contents: Contents) -> Part {
        Part {
            window: self.task.window,
            stamps: self.task.stamps.clone(),
            promises: Vec::new(),
            contents,
            columns: Columns::default(),
            select_sha256: String::new(),
        }
    }

    /// The temporary table of the window's rows.
    fn kept(&self) -> String {
        match self.at {
            0 => statements::NEW_ROWS.to_owned(),
            at => format!("{}_{}", statements::NEW_ROWS, at + 1),
        }
    }

    /// The steps that set the new rows aside.
    fn keep(&self, recipe: &mut Recipe, part: &mut Part) -> Result<Vec<Step>, RecipeError> {
        let kept = self.kept();
        let steps = if self.node.build() == BuildKind::Seed {
            let rows = statements::seed_rows(self.node).map_err(RecipeError::Seed)?;
            let of = self.node.name();
            let sql =
                format!("create or replace temp table {kept} as\nselect * from {of} where false");
            let insert = statements::insert(self.node, &kept, &rows);
            vec![Step::Keep { sql }, Step::Keep { sql: insert }]
        } else {
            let exchanged = self.known.exchanged.get(self.at).cloned().flatten();
            let rows = if let Some(rows) = exchanged {
                rows
            } else {
                let (cut, task) = (self.known.cut.clone(), self.task);
                select::bound(self.node, task.window, &task.calendar, cut)?
            };
            part.select_sha256 = rows.sha256;
            vec![Step::Keep { sql: statements::keep(&kept, &rows.text) }]
        };
        recipe.kept.push(kept);
        Ok(steps)
    }

    fn measure_new(&self, part: &mut Part, within: Option<&str>) -> Step {
        let kept = self.kept();
        part.promises = promises::promises(self.node, &kept);
        let (sql, columns) = measure::of_new(self.node, self.dialect, &kept, within, part);
        part.columns = columns;
        Step::Measure { part: self.at, side: Side::New, sql }
    }

    fn measure_old(&self, predicate: &str) -> Step {
        let sql = measure::of_old(self.node, self.dialect, predicate);
        Step::Measure { part: self.at, side: Side::Old, sql }
    }

    /// Nothing is left to be removed from a table that begins anew.
    fn delete(&self, recipe: &mut Recipe, predicate: &str) {
        if !self.known.begins_anew {
            recipe.commit.push(Step::Delete { sql: statements::delete(self.node, predicate) });
        }
    }

    fn insert(&self) -> Step {
        Step::Insert { sql: statements::insert_kept(self.node, &self.kept()) }
    }
}
