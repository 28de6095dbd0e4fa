//! `lakebed explain`: the messages at the end of a chain give the row that they are said to make.

mod cells;
mod command;
mod forms;
