//! What follows from the facts of a query.

mod joins;
mod order;
mod reads;
