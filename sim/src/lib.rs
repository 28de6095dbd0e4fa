//! Deterministic simulation of users.
