//! The project of the checkout as it is verified, perhaps with a fault put into its text.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use lakebed::{
    contract::TableName,
    graph::Node,
    prelude::Prelude,
    project::{Project, ProjectFiles},
    verify::{
        Draw, Scope, Subject,
        dice::Dice,
        lake::Lake,
        message::Sent,
        store::TrialStore,
        trial::{RawFile, Step},
    },
    warehouse::{Intercepted, SharedWarehouse},
};
use lakebed_duckdb::Options;
use serde::Deserialize;
use sim::Limits;

use crate::harness::CHECKOUT;

/// Messages of a set, at most.
pub const SIZE_MAX: usize = 40;

/// A replacement in a file of the project.
#[derive(Deserialize)]
pub struct Edit {
    /// Its path.
    pub file: PathBuf,
    /// What stands there.
    old: String,
    /// What stands there then.
    new: String,
}

impl Edit {
    /// The table of the file; a source is none.
    pub fn table(&self) -> Option<TableName> {
        let layer = self.file.parent()?.file_name()?.to_str()?;
        (layer != "raw").then_some(TableName::new(layer, self.file.file_stem()?.to_str()?))
    }
}

/// A replacement in every statement of a build that holds `old`.
#[derive(Clone, Deserialize)]
pub struct Statement {
    old: String,
    new: String,
}

/// The project of the checkout: the one inside the binary, without compiling it in again.
pub fn project_files() -> &'static ProjectFiles {
    static FILES: LazyLock<ProjectFiles> = LazyLock::new(|| {
        lakebed_files::read(Path::new(CHECKOUT)).expect("the checkout is a project")
    });
    &FILES
}

/// The file of a table with another query.
pub fn with_query(node: &Node, query: &str) -> String {
    let text = project_files().get(&node.file.path).expect("it was read");
    text.replacen(node.file.query(), query, 1)
}

/// The project with these edits.
pub fn edited(edits: &[Edit]) -> Subject {
    broken(edits, &[])
}

/// A project of these files.
pub fn of_files(files: &ProjectFiles) -> Subject {
    built_with(files, &[])
}

/// The project with these edits, built with other statements than the engine's.
pub fn broken(edits: &[Edit], statements: &[Statement]) -> Subject {
    let mut files = project_files().clone();
    for Edit { file, old, new } in edits {
        let text = files.get(file).expect("the file is in the project");
        assert!(text.contains(old.as_str()), "{} no longer holds `{old}`", file.display());
        let text = text.replace(old.as_str(), new);
        files.insert(file, &text);
    }
    built_with(&files, statements)
}

fn built_with(files: &ProjectFiles, statements: &[Statement]) -> Subject {
    let project = Project::parse(files).expect("the project can be read");
    let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
    let functions = prelude.clone();
    let statements: Arc<[Statement]> = statements.into();
    let make_warehouse = Arc::new(move || {
        let options = Options { threads: Some(1), ..Options::default() };
        let inner = lakebed_duckdb::open_shared(None, options, &functions)?;
        let statements = Arc::clone(&statements);
        let rewritten = move |sql: &str| {
            let replace = |sql: String, edit: &Statement| sql.replace(&edit.old, &edit.new);
            statements.iter().fold(sql.to_owned(), replace)
        };
        let warehouse = Intercepted::new(inner, move |sql| Ok(rewritten(sql).into()));
        Ok(Arc::new(warehouse) as SharedWarehouse)
    });
    Subject::new(project, prelude, make_warehouse)
}

/// The project as it is.
pub fn subject() -> &'static Subject {
    static SUBJECT: LazyLock<Subject> = LazyLock::new(|| edited(&[]));
    &SUBJECT
}

/// All its tables.
pub fn scope() -> &'static Scope<'static> {
    static SCOPE: LazyLock<Scope<'static>> = LazyLock::new(|| {
        let (scope, unverifiable) =
            subject().scope(&BTreeSet::new()).expect("the project is right");
        assert!(unverifiable.is_empty(), "the simulator speaks all sources: {unverifiable:?}");
        scope
    });
    &SCOPE
}

/// The messages of a case.
pub fn draw(seed: u64, size_max: usize) -> Draw {
    Draw::new(seed, &scope().sources, size_max, scope().tables().len())
}

/// An empty lake of all tables under these constants.
pub fn empty_lake(limits: Limits) -> Lake<'static> {
    lake_over(scope(), limits)
}

/// An empty lake of these tables.
pub fn lake_over<'a>(scope: &'a Scope<'a>, limits: Limits) -> Lake<'a> {
    let variant = scope.variant(limits).expect("the project is right");
    let store = TrialStore::new().expect("a temporary folder").into();
    Lake::new(scope, &variant, &store).expect("a warehouse in memory")
}

/// Brings messages into the raw layer, in files cut at random. Returns the files with their keys.
pub fn land(lake: &Lake<'_>, messages: &[Sent], dice: &mut Dice) -> Vec<(String, RawFile)> {
    let Step::Land { files } = Step::land_cut(messages, dice) else {
        unreachable!("messages land in files");
    };
    let by_id = messages.iter().map(|sent| (sent.message_id.as_str(), sent)).collect();
    let keys = lake.land(&files, &by_id).expect("a temporary folder takes files");
    keys.into_iter().zip(files).collect()
}
