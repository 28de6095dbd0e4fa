//! No table of the project is without a property: each is read and compared with the oracle, or the
//! reason stands beside its name. All properties compare all tables.

use std::collections::BTreeSet;

use super::{
    oracle::{NOT_READ, readings},
    project::scope,
};

#[test]
fn every_table_is_compared_with_the_oracle() {
    let tables: BTreeSet<String> = scope().tables().iter().map(ToString::to_string).collect();
    let read: BTreeSet<String> =
        readings().into_iter().map(|reading| reading.table.to_string()).collect();
    let excused: BTreeSet<String> = NOT_READ.iter().map(|(table, _)| (*table).to_owned()).collect();
    let covered: BTreeSet<String> = read.union(&excused).cloned().collect();
    let missed: Vec<&String> = tables.difference(&covered).collect();
    assert!(missed.is_empty(), "add to READINGS, or with a reason to NOT_READ: {missed:?}");
    let gone: Vec<&String> = covered.difference(&tables).collect();
    assert!(gone.is_empty(), "no table of the project: {gone:?}");
    let both: Vec<&String> = read.intersection(&excused).collect();
    assert!(both.is_empty(), "compared, and excused from it: {both:?}");
}
