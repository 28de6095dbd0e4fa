//! Tests of the whole: the real planner, SQL and binary. One binary, so that all is linked once.

mod check;
mod cli;
mod crash;
mod errors;
mod goldens;
mod harness;
mod properties;
mod rejected;
mod tidy;
mod tutorial;
