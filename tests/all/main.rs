//! Tests of the whole: the real planner, SQL and binary. One binary, so that all is linked once.

mod properties;
