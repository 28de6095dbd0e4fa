//! Small projects for the ledger's tests.

use crate::project::{Project, ProjectFiles};

/// Of tables, each with its path below `layers/`, its contract and its query.
pub fn project(tables: &[(&str, &str, &str)]) -> Project {
    let mut files = ProjectFiles::default();
    for (path, contract, query) in tables {
        files.insert(format!("layers/{path}.sql"), &format!("/*\n{contract}*/\n{query}\n"));
    }
    Project::parse(&files).expect("a project")
}
