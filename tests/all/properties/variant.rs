//! The embedded project with other constants, or with a fault put into its text.

use std::{cell::RefCell, collections::HashMap, path::Path, rc::Rc, sync::LazyLock};

use lakebed::{
    build::shape,
    graph::Graph,
    prelude::Prelude,
    project::{Project, ProjectFiles},
    warehouse::duckdb::{self, Options},
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

thread_local! {
    static KNOWN: RefCell<HashMap<(i32, i32), Rc<Variant>>> = RefCell::default();
}

impl Variant {
    /// The project with these constants.
    pub fn of(limits: Limits) -> Rc<Self> {
        let key = (limits.max_lateness_days, limits.max_skew_days);
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
            return known;
        }
        let variant = Self::edited(limits, &[]);
        KNOWN.with_borrow_mut(|known| known.insert(key, Rc::clone(&variant)));
        variant
    }

    /// The project with these constants and edits.
    pub fn edited(limits: Limits, edits: &[Edit]) -> Rc<Self> {
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
        let options = Options { threads: Some(1), is_read_only: false };
        let scratch = duckdb::open_shared(None, options, &prelude).expect("a warehouse in memory");
        shape::check_queries(scratch.as_ref(), &graph).expect("queries keep their contracts");
        Rc::new(Self { graph, prelude, limits })
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
