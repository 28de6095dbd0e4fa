//! What can go wrong in a raw store, said alike by every adapter.

use std::{io, path::Path};

use crate::{error_kind::ErrorKind, port_error::PortError};

/// What to do about an object that cannot be read, whoever finds out.
pub const DAMAGED_HINT: &str = "put back a good copy of it, or move it away and build with \
     --accept-removed: the tables then lack what only it had";

/// The key could not be a path or a URL everywhere.
pub fn invalid_key(key: &str) -> PortError {
    let message = format!(
        "`{key}` is not an object key: names of letters, digits, `.`, `_`, `-` and `=`, joined by \
         `/`, none beginning with a dot"
    );
    PortError::new(ErrorKind::Bug, message)
}

/// There is no such object.
pub fn not_found(key: &str) -> PortError {
    PortError::new(ErrorKind::FixInput, format!("there is no raw object `{key}`"))
}

/// The process is shutting down.
pub fn interrupted() -> PortError {
    PortError::new(ErrorKind::Retry, "the raw store was interrupted by the end of the process")
}

/// The file system refused `action` on `path`.
pub fn io(action: &str, path: &Path, source: io::Error) -> PortError {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            PortError::new(ErrorKind::FixInput, format!("no room to {action} {path}"))
                .with_source(source)
                .with_hint("make room on the disk, then start again")
        }
        // Another process cleaned a partial file away before it was locked.
        io::ErrorKind::NotFound | io::ErrorKind::Interrupted => {
            PortError::new(ErrorKind::Retry, format!("cannot {action} {path}")).with_source(source)
        }
        _ => PortError::new(ErrorKind::FixInput, format!("cannot {action} {path}"))
            .with_source(source),
    }
}
