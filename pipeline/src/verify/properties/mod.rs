//! How each property varies what is done to a set of messages. Those that only look at what a build
//! from nothing gives are in `truth`.

pub mod constants;
pub mod copies;
pub mod crash;
pub mod drift;
pub mod late;
pub mod order;
pub mod rebuild;
pub mod replay;
pub mod split;
pub mod windows;
