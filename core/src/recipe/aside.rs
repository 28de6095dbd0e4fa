//! A table that is made aside, to be put in place of one whose columns are not its contract's any more.
//!
//! No transaction takes a definition (`warehouse::strict`), so the rows and the journal are committed with
//! the other table, and then it is put in place. Its name says of which build it is, by the journal's
//! sequence number: whoever opens the warehouse finds out whether that build was committed, and does the
//! rest or takes it away.

use crate::{contract::TableName, dialect::Dialect};

/// The table that a build with this first sequence number makes aside: among the journal's, where no
/// project has tables.
pub fn name(table: &TableName, sequence: i64) -> String {
    format!("lakebed.{}__{}__{sequence}", table.layer(), table.table())
}

/// The table and the sequence number of a name.
pub fn parse(name: &str) -> Option<(TableName, i64)> {
    let (rest, sequence) = name.strip_prefix("lakebed.")?.rsplit_once("__")?;
    let (layer, table) = rest.split_once("__")?;
    Some((TableName::new(layer, table), sequence.parse().ok()?))
}

/// The statements that put it in place, once it is committed. They may be sent again.
pub fn put_in_place(dialect: &dyn Dialect, table: &TableName, aside: &str) -> [String; 2] {
    [dialect.replace_table(table.as_str(), aside), drop(aside)]
}

/// The statement that takes it away.
pub fn drop(aside: &str) -> String {
    format!("drop table if exists {aside}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_of_which_build_it_is() {
        let table = TableName::new("dimensional", "dim__odd_product");
        assert_eq!(name(&table, 17), "lakebed.dimensional__dim__odd_product__17");
        assert_eq!(parse(&name(&table, 17)), Some((table, 17)));
        for other in ["lakebed.builds", "mart.a__b__17", "lakebed.a__b", "lakebed.a__b__c"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
