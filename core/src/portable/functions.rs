//! The functions of the subset, read from `functions.toml`, and those outside with what to write
//! instead, from `outside.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::types::Type;

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FunctionKind {
    /// A value for each row.
    Scalar,
    /// A value for each group; with `over`, for each row's frame.
    Aggregate,
    /// A value for each row from its window; needs `over`.
    Window,
    /// A scalar of the schema `udf`, defined once per engine.
    Udf,
}

/// An argument: its type, and the form to which it is restricted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its type.
    pub kind: Type,
    /// The restriction, such as `regex`; the file's head lists them.
    pub form: Option<String>,
    /// The restriction where Spark shares it; mostly the same.
    pub spark_form: Option<String>,
}

/// One way to call a function.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The arguments in order.
    pub arguments: Vec<Argument>,
    /// Whether the last argument may be repeated.
    pub is_variadic: bool,
    /// The type of the result.
    pub returns: Type,
}

impl Signature {
    /// The argument at a position, if the signature takes that many.
    pub fn argument(&self, position: usize) -> Option<&Argument> {
        let last = self.arguments.last().filter(|_| self.is_variadic);
        self.arguments.get(position).or(last)
    }

    /// Whether it takes so many arguments.
    pub fn takes(&self, count: usize) -> bool {
        count == self.arguments.len() || (self.is_variadic && count > self.arguments.len())
    }
}

/// A function that all engines of the subset mean alike.
#[derive(Clone, Debug)]
pub struct Function {
    /// As GoogleSQL spells it.
    pub name: String,
    /// The heading under which the documentation lists it.
    pub group: String,
    /// What it is.
    pub kind: FunctionKind,
    /// The ways to call it.
    pub signatures: Vec<Signature>,
    /// Whether Spark agrees.
    pub is_in_spark: bool,
    /// The greatest relative difference between engines.
    pub tolerance: Option<f64>,
    /// Whether the same input always gives the same value.
    pub is_deterministic: bool,
    /// One line.
    pub about: String,
    /// What a reader must know besides.
    pub notes: Option<String>,
}

/// A function outside of the subset that people reach for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Its name.
    pub name: String,
    /// Why it is outside.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

/// The functions by name.
pub static FUNCTIONS: LazyLock<BTreeMap<String, Function>> = LazyLock::new(|| {
    let list = function_list(include_str!("functions.toml")).expect("a test reads this file");
    list.into_iter().map(|function| (function.name.clone(), function)).collect()
});

/// The functions outside, by name.
pub static OUTSIDE: LazyLock<BTreeMap<String, Outside>> = LazyLock::new(|| {
    let file: OutsideFile =
        toml::from_str(include_str!("outside.toml")).expect("a test reads this file");
    file.functions.into_iter().map(|outside| (outside.name.clone(), outside)).collect()
});

/// The groups of functions in the order of the file.
pub fn groups() -> Vec<String> {
    let list = function_list(include_str!("functions.toml")).expect("a test reads this file");
    let mut groups: Vec<String> = Vec::new();
    for function in list {
        if !groups.contains(&function.group) {
            groups.push(function.group);
        }
    }
    groups
}

#[derive(Deserialize)]
struct OutsideFile {
    functions: Vec<Outside>,
}

#[derive(Deserialize)]
struct File {
    functions: Vec<FunctionEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionEntry {
    name: String,
    group: String,
    kind: FunctionKind,
    signatures: Vec<SignatureEntry>,
    spark: bool,
    #[serde(default)]
    tolerance: Option<f64>,
    #[serde(default = "yes")]
    deterministic: bool,
    about: String,
    #[serde(default)]
    notes: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureEntry {
    arguments: Vec<ArgumentEntry>,
    #[serde(default)]
    variadic: bool,
    returns: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ArgumentEntry {
    Plain(String),
    Restricted {
        #[serde(rename = "type")]
        kind: String,
        is: String,
        #[serde(default)]
        in_spark: Option<String>,
    },
}

fn yes() -> bool {
    true
}

fn function_list(text: &str) -> Result<Vec<Function>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.functions.into_iter().map(function).collect()
}

fn function(entry: FunctionEntry) -> Result<Function, String> {
    let kind = |text: &str| {
        Type::parse(text).ok_or_else(|| format!("{}: there is no type `{text}`", entry.name))
    };
    let argument = |entry: &ArgumentEntry| {
        Ok::<_, String>(match entry {
            ArgumentEntry::Plain(text) => {
                Argument { kind: kind(text)?, form: None, spark_form: None }
            }
            ArgumentEntry::Restricted { kind: text, is, in_spark } => Argument {
                kind: kind(text)?,
                form: Some(is.clone()),
                spark_form: in_spark.clone().or_else(|| Some(is.clone())),
            },
        })
    };
    let signature = |entry: &SignatureEntry| {
        Ok::<_, String>(Signature {
            arguments: entry.arguments.iter().map(argument).collect::<Result<_, _>>()?,
            is_variadic: entry.variadic,
            returns: kind(&entry.returns)?,
        })
    };
    let signatures = entry.signatures.iter().map(signature).collect::<Result<_, _>>()?;
    Ok(Function {
        signatures,
        name: entry.name,
        group: entry.group,
        kind: entry.kind,
        is_in_spark: entry.spark,
        tolerance: entry.tolerance,
        is_deterministic: entry.deterministic,
        about: entry.about,
        notes: entry.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_and_no_name_stands_twice() {
        let list = function_list(include_str!("functions.toml")).expect("a good file");
        assert!(list.len() >= 120, "{} functions", list.len());
        assert_eq!(list.len(), FUNCTIONS.len());
        assert!(OUTSIDE.keys().all(|name| !FUNCTIONS.contains_key(name)), "in or out, not both");
    }

    #[test]
    fn schema_and_kind_agree() {
        for function in FUNCTIONS.values() {
            let is_udf = function.kind == FunctionKind::Udf;
            assert_eq!(function.name.starts_with("udf."), is_udf, "{}", function.name);
        }
    }
}
