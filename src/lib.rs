//! lakebed.
