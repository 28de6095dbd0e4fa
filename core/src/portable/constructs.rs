//! What the subset has besides functions: clauses, joins, operators, literals, each with a query
//! that shows it.

use std::sync::LazyLock;

use serde::Deserialize;

/// A construct of the subset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Construct {
    /// The heading under which the documentation lists it.
    pub group: String,
    /// What it is called.
    pub name: String,
    /// Whether Spark shares it.
    #[serde(rename = "spark")]
    pub is_in_spark: bool,
    /// A query that shows it, over the shipped tables.
    pub example: String,
    /// What a reader must know besides.
    #[serde(default)]
    pub notes: String,
}

#[derive(Deserialize)]
struct File {
    constructs: Vec<Construct>,
}

/// The constructs in the order of the file.
pub static CONSTRUCTS: LazyLock<Vec<Construct>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("constructs.toml")).expect("a test reads this file");
    file.constructs
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_no_name_stands_twice() {
        let names: std::collections::BTreeSet<_> =
            CONSTRUCTS.iter().map(|construct| (&construct.group, &construct.name)).collect();
        assert_eq!(names.len(), CONSTRUCTS.len());
    }
}
