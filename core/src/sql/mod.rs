//! SQL as text: tokens, parameters bound as literals, and the names that a query reads.
//!
//! Not for: running anything, nor for judging what is portable. No I/O.

pub mod bind;
pub mod literal;
pub mod reads;
pub mod rename;
pub mod tokens;
