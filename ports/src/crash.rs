//! Named places where a test kills the process, as a power cut would.
//!
//! `FAILPOINTS="raw_store::before_rename=3*off->1*return"` aborts the process the fourth time it
//! comes by. Nothing is flushed and no destructor runs, so that what survives is what was durable.

/// Aborts the process if the fail point `name` is set to `return`; otherwise does nothing.
pub fn point(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}
