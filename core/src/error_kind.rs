//! What a caller of a port can do about an error. Every port's error says its kind.

/// What to do about an error of a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// Nothing is wrong with the request: the same call may succeed later.
    Retry,
    /// It takes more memory or disk than it may have: a smaller request may succeed.
    ResourcesExceeded,
    /// Something that the user gave or owns must change first: a setting, a file, disk space.
    FixInput,
    /// The caller broke the port's rules; no user can help.
    Bug,
}
