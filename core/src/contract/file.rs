//! A table's file: the contract in a block comment at the top, and the query under it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{BuildKind, Contract, EngineName, TableName};
use crate::diagnostic::FileError;

/// The layer whose tables run on every engine, if their contracts do not say otherwise: it is what
/// outgrows one machine first.
const LAYER_OF_ALL_ENGINES: &str = "standardized";

/// A table as one file says it.
#[derive(Clone, Debug)]
pub struct TableFile {
    /// The path is the name.
    pub name: TableName,
    /// Where it was read from, relative to the project.
    pub path: PathBuf,
    /// The whole file.
    pub text: Arc<str>,
    /// The block comment at the top.
    pub contract: Contract,
    /// Where the query stands in `text`.
    query: Range<usize>,
    /// The rows of a `seed`, as CSV with a header.
    pub seed_csv: Option<Arc<str>>,
}

impl TableFile {
    /// Reads the contract and finds the query.
    pub fn parse(name: TableName, path: &Path, text: Arc<str>) -> Result<Self, FileError> {
        let (toml, query) = split(path, &text)?;
        let contract: Contract = toml::from_str(&text[toml.clone()])
            .map_err(|error| toml_error(path, &text, toml.start, &error))?;
        let file = Self { name, path: path.to_path_buf(), text, contract, query, seed_csv: None };
        file.check_form()?;
        Ok(file)
    }

    /// The query as the file has it, parameters and all.
    pub fn query(&self) -> &str {
        &self.text[self.query.clone()]
    }

    /// Whether an engine besides the warehouse may run the query.
    pub fn runs_on(&self, engine: EngineName) -> bool {
        let has_rows_of_a_query = !matches!(self.contract.build, BuildKind::Seed | BuildKind::View);
        let is_marked = match &self.contract.engines {
            Some(engines) => engines.contains(&engine),
            None => self.name.layer() == LAYER_OF_ALL_ENGINES,
        };
        has_rows_of_a_query && is_marked
    }

    /// An error at a place of the query.
    pub fn error_in_query(&self, span: Range<usize>, message: impl Into<String>) -> FileError {
        let shifted = self.query.start + span.start..self.query.start + span.end;
        FileError::new(&self.path, &self.text, shifted, message)
    }

    /// Where the query stands in the file.
    pub fn query_span(&self) -> Range<usize> {
        self.query.clone()
    }

    /// The first place where the contract has `word`; empty if it has it not.
    pub fn contract_span(&self, word: &str) -> Range<usize> {
        let start = self.text[..self.query.start].find(word);
        start.map_or(0..0, |at| at..at + word.len())
    }

    /// An error at the first place where the contract has `word`.
    pub fn error_at(&self, word: &str, message: impl Into<String>) -> FileError {
        FileError::new(&self.path, &self.text, self.contract_span(word), message)
    }

    /// The name of a column where the contract describes it; empty if it does not.
    pub fn column_span(&self, column: &str) -> Range<usize> {
        let contract = &self.text[..self.query.start];
        let start = contract.match_indices(column).map(|(at, _)| at).find(|at| {
            let is_line_start = contract[..*at].ends_with('\n');
            is_line_start && contract[at + column.len()..].trim_start().starts_with('=')
        });
        start.map_or(0..0, |at| at..at + column.len())
    }

    /// An error at the line of the contract that describes a column.
    pub fn error_at_column(&self, column: &str, message: impl Into<String>) -> FileError {
        FileError::new(&self.path, &self.text, self.column_span(column), message)
    }

    /// What TOML's types cannot say: which fields belong to which build.
    fn check_form(&self) -> Result<(), FileError> {
        let contract = &self.contract;
        let needs = |is_there: bool, field: &str| {
            let build = format!("{:?}", contract.build).to_lowercase();
            if is_there {
                return Ok(());
            }
            Err(self
                .error_at("build", format!("a table of build `{build}` needs `{field}`"))
                .with_help(format!("add a line `{field} = …` to the contract")))
        };
        needs(!contract.grain.is_empty(), "grain")?;
        match contract.build {
            BuildKind::Partition => needs(contract.partition_by.is_some(), "partition_by")?,
            BuildKind::Delta => {
                needs(contract.partition_by.is_some(), "partition_by")?;
                needs(contract.window_by.is_some(), "window_by")?;
            }
            BuildKind::Merge => needs(!contract.order_by.is_empty(), "order_by")?,
            BuildKind::History => {
                needs(contract.partition_by.is_some(), "partition_by")?;
                needs(!contract.cut.is_empty(), "cut")?;
                needs(contract.valid_to.is_some(), "valid_to")?;
            }
            BuildKind::Full | BuildKind::View | BuildKind::Seed => {}
        }
        self.check_column_names()
    }

    fn check_column_names(&self) -> Result<(), FileError> {
        let contract = &self.contract;
        let named = contract
            .grain
            .iter()
            .chain(&contract.partition_by)
            .chain(&contract.window_by)
            .chain(contract.order_by.iter().map(|term| &term.column))
            .chain(&contract.least)
            .chain(&contract.valid_to)
            .chain(&contract.cluster_by);
        for column in named {
            if !contract.columns.contains_key(column) {
                let known: Vec<&str> = contract.columns.keys().map(String::as_str).collect();
                return Err(self
                    .error_at(
                        &format!("\"{column}\""),
                        format!("`{column}` is not a column of this table"),
                    )
                    .with_help(format!("its columns are {}", known.join(", "))));
            }
        }
        if contract.cluster_by.len() > 4 {
            return Err(self.error_at("cluster_by", "a table has at most four clustering columns"));
        }
        Ok(())
    }
}

/// The spans of the contract's TOML and of the query.
fn split(path: &Path, text: &Arc<str>) -> Result<(Range<usize>, Range<usize>), FileError> {
    let open = text.len() - text.trim_start().len();
    if !text[open..].starts_with("/*") {
        return Err(FileError::new(path, text, open..open, "the file has no contract").with_help(
            "begin it with a block comment that holds the contract: /* about = \"…\" … */",
        ));
    }
    let Some(length) = text[open..].find("*/") else {
        return Err(FileError::new(
            path,
            text,
            open..open + 2,
            "the contract's comment never ends",
        )
        .with_help("end it with `*/`"));
    };
    let close = open + length;
    let rest = close + 2;
    let query_text = text[rest..].trim();
    let start = rest + (text[rest..].len() - text[rest..].trim_start().len());
    let query_text = query_text.trim_end_matches(';').trim_end();
    Ok((open + 2..close, start..start + query_text.len()))
}

/// An error of TOML at its place; `base` is where the TOML begins in the file.
pub fn toml_error(path: &Path, text: &Arc<str>, base: usize, error: &toml::de::Error) -> FileError {
    let span = error.span().map_or(base..base, |span| base + span.start..base + span.end);
    let located = FileError::new(path, text, span, error.message().to_owned());
    if error.message().contains("unknown variant") && error.message().contains("INT64") {
        return located.with_help("types are GoogleSQL's: STRING, INT64, FLOAT64, BOOL, DATE, TIMESTAMP, BYTES, NUMERIC, JSON");
    }
    located
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "/*\nabout = \"x\"\ngrain = [\"a\"]\nbuild = \"full\"\ngrowth = \"fixed\"\n\
         owner = \"me\"\n[columns]\na = { type = \"INT64\" }\n*/\nselect 1 as a;\n";

    fn parse(text: &str) -> Result<TableFile, FileError> {
        TableFile::parse(TableName::new("mart", "t"), Path::new("mart/t.sql"), text.into())
    }

    fn error(text: &str) -> String {
        parse(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn contract_and_query() {
        let file = parse(GOOD).expect("a good file");
        assert_eq!(file.query(), "select 1 as a");
        assert_eq!(file.contract.columns["a"].kind, super::super::ColumnType::Int64);
    }

    #[test]
    fn prose_has_no_meaning_and_types_have() {
        let meaning = |text: &str| parse(text).expect("a good file").contract.meaning();
        assert_eq!(meaning(GOOD), meaning(&GOOD.replace("\"x\"", "\"y\"")));
        let marked = GOOD.replace("owner", "engines = [\"spark\"]\nowner");
        assert_eq!(meaning(GOOD), meaning(&marked));
        assert_ne!(meaning(GOOD), meaning(&GOOD.replace("INT64", "STRING")));
    }

    #[test]
    fn the_layer_decides_on_engines_if_the_contract_does_not() {
        let runs = |layer: &str, text: &str| {
            let name = TableName::new(layer, "t");
            let file = TableFile::parse(name, Path::new("t.sql"), text.into());
            file.expect("a good file").runs_on(EngineName::Spark)
        };
        assert!(runs("standardized", GOOD));
        assert!(!runs("mart", GOOD));
        assert!(runs("mart", &GOOD.replace("owner", "engines = [\"spark\"]\nowner")));
        assert!(!runs("standardized", &GOOD.replace("owner", "engines = []\nowner")));
        assert!(!runs("standardized", &GOOD.replace("full", "view")));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(error("select 1").contains("no contract"));
        assert!(error("/* about = 1").contains("never ends"));
        assert!(error(&GOOD.replace("INT64", "INTEGER")).contains("unknown variant"));
        assert!(error(&GOOD.replace("[\"a\"]", "[\"b\"]")).contains("not a column"));
        assert!(error(&GOOD.replace("\"full\"", "\"merge\"")).contains("needs `order_by`"));
        assert!(error(&GOOD.replace("grain", "grian")).contains("unknown field"));
    }
}
