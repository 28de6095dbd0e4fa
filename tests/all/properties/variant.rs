//! The embedded project with other constants, or with a fault put into its text.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use lakebed::{
    build::shape,
    graph::Graph,
    prelude::Prelude,
    project::{Project, ProjectFiles},
    warehouse::{
        SharedWarehouse,
        duckdb::{self, Options},
    },
};
use sim::{Limits, Source};

use super::dice::Dice;
use crate::harness::CHECKOUT;

/// A project whose queries have been checked.
pub struct Variant {
    /// The tables.
    pub graph: Graph,
    /// DuckDB's functions; the same in all variants.
    pub prelude: Prelude,
    /// The constants.
    pub limits: Limits,
}

/// A replacement in a file of the project: its path, what stands there, and what stands there then.
pub type Edit = (&'static str, &'static str, &'static str);

/// The project of the checkout: the one inside the binary, without compiling it in again.
pub fn project_files() -> &'static ProjectFiles {
    static FILES: LazyLock<ProjectFiles> = LazyLock::new(|| {
        ProjectFiles::read(Path::new(CHECKOUT)).expect("the checkout is a project")
    });
    &FILES
}

/// The project by its constants, for all tests.
static KNOWN: Mutex<BTreeMap<(i32, i32), Arc<Variant>>> = Mutex::new(BTreeMap::new());

impl Variant {
    /// The project with these constants.
    pub fn of(limits: Limits) -> Arc<Self> {
        let key = (limits.max_lateness_days, limits.max_skew_days);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = known.is_empty();
        let variant = known.entry(key).or_insert_with(|| {
            let variant = Self::parsed(limits, &[]);
            // To describe all queries takes longer than a case, and constants do not change them.
            if is_first {
                variant.check_queries();
            }
            Arc::new(variant)
        });
        Arc::clone(variant)
    }

    /// The project with these constants and edits.
    pub fn edited(limits: Limits, edits: &[Edit]) -> Arc<Self> {
        let variant = Self::parsed(limits, edits);
        variant.check_queries();
        Arc::new(variant)
    }

    fn parsed(limits: Limits, edits: &[Edit]) -> Self {
        let lateness = format!("max_lateness_days = {}", limits.max_lateness_days);
        let skew = format!("max_skew_days = {}", limits.max_skew_days);
        let mut files = project_files().clone();
        replace(&mut files, "layers/raw/mobile_events.toml", "max_lateness_days = 30", &lateness);
        replace(&mut files, "layers/raw/mobile_events.toml", "max_skew_days     = 1", &skew);
        for source in Source::ALL.iter().filter(|source| **source != Source::MobileEvents) {
            let path = format!("layers/raw/{}.toml", source.name());
            replace(&mut files, &path, "max_skew_days = 1", &skew);
        }
        for (path, from, to) in edits {
            replace(&mut files, path, from, to);
        }
        let project = Project::parse(&files).expect("the project can be read");
        let prelude = Prelude::duckdb(&project).expect("the functions are SQL");
        let graph = Graph::new(&project, &prelude).expect("the tables make a graph");
        Self { graph, prelude, limits }
    }

    /// A query that is no query must not pass for a fault that was caught.
    fn check_queries(&self) {
        let scratch = self.warehouse();
        shape::check_queries(scratch.as_ref(), &self.graph).expect("queries keep their contracts");
    }

    /// An empty warehouse with the functions.
    pub fn warehouse(&self) -> SharedWarehouse {
        let options = Options { threads: Some(1), is_read_only: false };
        duckdb::open_shared(None, options, &self.prelude).expect("a warehouse in memory")
    }
}

/// Small constants, so that their edges lie within a few days.
pub fn random_limits(dice: &mut Dice) -> Limits {
    Limits { max_lateness_days: *dice.pick(&[0, 1, 2, 3]), max_skew_days: *dice.pick(&[0, 1]) }
}

fn replace(files: &mut ProjectFiles, path: &str, from: &str, to: &str) {
    let text = files.get(Path::new(path)).expect("the file is in the project");
    assert!(text.contains(from), "{path} no longer holds `{from}`");
    let text = text.replace(from, to);
    files.insert(path, &text);
}
