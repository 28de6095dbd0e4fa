//! The recipe of each kind of build.

use std::sync::Arc;

use jiff::civil::Date;

use super::{
    BoundSelect, Contents, Fence, Part, RawObjects, Recipe, Side, Step, Task, aside,
    measure::{self, Columns},
    promises, raw, select, statements,
};
use crate::{
    contract::BuildKind,
    dialect::Dialect,
    graph::Node,
    plan::{Snapshot, window::Window},
    sql::{
        bind::{BindError, Literal, Parameters},
        rename,
    },
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
    /// By what the run may write.
    pub fence: Fence,
    /// The pinned raw objects.
    pub raw: Arc<RawObjects>,
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

/// The windows of a recipe. A history that begins anew reads its own rows, of which there are none: it is
/// built as one window from the first date to the last.
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
        commit: vec![Step::Fence { sql: known.fence.statement() }],
        finish: Vec::new(),
        kept: Vec::new(),
        parts: Vec::new(),
        begins_anew: known.begins_anew,
        window_column: window_column(node).to_owned(),
        sequence: known.sequence,
        fence: known.fence.clone(),
        before: known.snapshot.clone(),
        is_history: node.build() == BuildKind::History,
    };
    // Another engine is given its objects, and the warehouse the rows that it made of them.
    if known.exchanged.is_empty() {
        for (source, locators) in raw::read_by(node, tasks, &known.raw) {
            let sql = dialect.raw_objects(source.table(), &locators);
            recipe.prepare.push(Step::Pin { sql });
        }
    }
    let is_misshapen = known.begins_anew && known.snapshot.misshapen.contains(node.name());
    let target = if is_misshapen {
        aside::name(node.name(), known.sequence)
    } else {
        node.name().to_string()
    };
    if known.begins_anew {
        recipe.before = Snapshot::default();
        if !is_misshapen {
            recipe.commit.push(Step::Delete { sql: statements::delete(node, "true") });
        }
    }
    for (at, task) in tasks.iter().enumerate() {
        let cook = Cook { node, dialect, task, known, target: &target, at };
        cook.add(&mut recipe)?;
    }
    if is_misshapen {
        recipe.make_aside(node, dialect, &target);
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
    /// Has the rows stored in another table, which is then put in place of this one: it has other columns
    /// than its contract, and no transaction takes a definition. Until then, readers have the old rows.
    fn make_aside(&mut self, node: &Node, dialect: &dyn Dialect, aside: &str) {
        let create = dialect.create_table(aside, &statements::defined_columns(node));
        self.prepare.push(Step::Define { sql: create });
        self.finish = aside::put_in_place(dialect, node.name(), aside)
            .into_iter()
            .map(|sql| Step::Define { sql })
            .collect();
    }
}

/// One window of one table.
struct Cook<'a> {
    node: &'a Node,
    dialect: &'a dyn Dialect,
    task: &'a Task,
    known: &'a Known,
    /// The table that gets the rows.
    target: &'a str,
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
        recipe
            .commit
            .push(Step::Merge { sql: statements::merge(self.node, self.target, &self.kept()) });
        recipe.parts.push(part);
        Ok(())
    }

    /// Of the touched keys, what lies at or after the cut is replaced.
    fn history(&self, recipe: &mut Recipe) -> Result<(), RecipeError> {
        let mut part = self.part(Contents::Moved);
        let kept = self.keep(recipe, &mut part)?;
        recipe.prepare.extend(kept);
        recipe.prepare.push(self.measure_new(&mut part, None));
        if !self.known.begins_anew {
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
            let insert = statements::insert(self.node, &kept, &rows);
            vec![self.empty(&kept), Step::Keep { sql: insert }]
        } else {
            let exchanged = self.known.exchanged.get(self.at).cloned().flatten();
            let rows = if let Some(rows) = exchanged {
                rows
            } else {
                let (cut, task) = (self.known.cut.clone(), self.task);
                select::bound(self.node, task.window, &task.calendar, cut)?
            };
            let mut steps = Vec::new();
            let mut text = rows.text;
            part.select_sha256 = rows.sha256;
            if self.known.begins_anew && self.node.build() == BuildKind::History {
                // The query reads the table's own rows, which are still there, and count no more.
                text = rename::table(&text, self.node.name(), statements::NO_ROWS)
                    .map_err(BindError::from)?;
                part.select_sha256 = select::sha256(&text);
                steps.push(self.empty(statements::NO_ROWS));
                recipe.kept.push(statements::NO_ROWS.to_owned());
            }
            steps.push(Step::Keep { sql: statements::keep(&kept, &text) });
            steps
        };
        recipe.kept.push(kept);
        Ok(steps)
    }

    /// The step that makes a temporary table with the contract's columns and no rows.
    fn empty(&self, table: &str) -> Step {
        let columns = statements::defined_columns(self.node);
        Step::Keep { sql: self.dialect.create_temp_table(table, &columns) }
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
        Step::Insert { sql: statements::insert_kept(self.node, self.target, &self.kept()) }
    }
}
